// The page is whole without this: it only remembers a reader's choices and folds the contents on a phone.
(function () {
  "use strict";
  var root = document.documentElement;
  function recall(name) { try { return localStorage.getItem("regulars-" + name); } catch (e) { return null; } }
  function keep(name, value) { try { localStorage.setItem("regulars-" + name, value); } catch (e) { /* not kept */ } }

  var theme = recall("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;  // before the first paint

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  document.addEventListener("DOMContentLoaded", function () {
    var button = document.getElementById("theme");
    button.hidden = false;
    button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", function () {
      root.dataset.theme = isDark() ? "light" : "dark";
      button.setAttribute("aria-pressed", String(isDark()));
      keep("theme", root.dataset.theme);
    });

    var code = document.getElementById("show-code");
    if (code) {
      code.checked = recall("code") === "shown";
      code.addEventListener("change", function () { keep("code", code.checked ? "shown" : "hidden"); });
    }

    var steps = document.querySelector(".steps"), here = document.querySelector(".steps [aria-current]");
    if (here) steps.scrollLeft = here.offsetLeft - steps.offsetLeft - 48;  // on a phone not all steps fit

    var contents = document.querySelector(".contents details");
    if (contents && matchMedia("(max-width: 68rem)").matches) contents.open = false;
  });
})();
