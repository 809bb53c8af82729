"""What the files in config/ may say, and the sentences for when they say something else."""

from regulars.config.reader import ConfigError, Section, read_config
from regulars.config.shop import ShopConfig, Value
from regulars.config.sources import FileTable, Format, QueryTable, RawTable

__all__ = [
    "ConfigError",
    "FileTable",
    "Format",
    "QueryTable",
    "RawTable",
    "Section",
    "ShopConfig",
    "Value",
    "read_config",
]
