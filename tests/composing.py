"""What Hydra has read and merged once is kept: the tests want some 3,000 configurations, of few choices of files.

Hydra reads the words, finds the files that they choose, loads and merges these, and then sets the single values. All
but the last takes 150 of 190 ms for ``train``, and only the last differs from test to test. What is kept belongs to
this process. An error is not kept, nor is what files beside conf/ and Hydra's own have a part in.
"""

import copy
import functools
import pickle
from typing import Any

from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.defaults_list import DefaultsList, Overrides, create_defaults_list
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from gan_lightning.config.where import CONF

HYDRAS = ("hydra", "schema")  # providers of what comes with Hydra
LISTS: dict[Any, DefaultsList] = {}  # which files, by the words that choose them
MERGED: dict[int, bytes] = {}  # by the id of a list in LISTS
FILES: dict[Any, bytes] = {}

load_config = ConfigRepository.load_config
merge = ConfigLoaderImpl._compose_config_from_defaults_list
parse_rule = OverridesParser.parse_rule


def kept_sources(repo: Any) -> tuple[Any, ...] | None:
    """Where the files lie, if they all come with Hydra or lie in conf/."""
    found = tuple((source.provider, source.path) for source in repo.get_sources())
    return found if all(provider in HYDRAS or path == str(CONF) for provider, path in found) else None


def files_of(repo: Any, config_name: str, overrides_list: list[Override], prepend_hydra: bool, skip_missing: bool):
    """In place of Hydra's ``create_defaults_list``."""
    if (sources := kept_sources(repo)) is None:
        return create_defaults_list(repo, config_name, overrides_list, prepend_hydra, skip_missing)
    values = Overrides(repo, overrides_list).config_overrides
    choices = [word for word in overrides_list if all(word is not value for value in values)]
    key = (config_name, *(word.input_line for word in choices), prepend_hydra, skip_missing, sources)
    if key not in LISTS:
        LISTS[key] = create_defaults_list(repo, config_name, choices, prepend_hydra, skip_missing)
    kept = LISTS[key]
    return DefaultsList(kept.defaults, kept.defaults_tree, values, kept.overrides)


def merged(self: ConfigLoaderImpl, defaults: list[Any], repo: Any) -> Any:
    if all(kept.defaults is not defaults for kept in LISTS.values()):
        return merge(self, defaults, repo)
    if id(defaults) not in MERGED:
        whole = merge(self, defaults, repo)
        OmegaConf.clear_cache(whole)  # of ${now:}, which Hydra looks at while it merges
        MERGED[id(defaults)] = pickle.dumps(whole)
    return pickle.loads(MERGED[id(defaults)])


def loaded(self: ConfigRepository, config_path: str) -> Any:
    if (sources := kept_sources(self)) is None:
        return load_config(self, config_path)
    key = (config_path, sources)
    if key not in FILES:
        FILES[key] = pickle.dumps(load_config(self, config_path))
    return pickle.loads(FILES[key])


@functools.cache
def word(rule_name: str, s: str) -> Any:
    return parse_rule(OverridesParser.create(), s, rule_name)


def read(self: OverridesParser, s: str, rule_name: str) -> Any:
    """A word with a function, such as shuffle(...), is read anew."""
    return parse_rule(self, s, rule_name) if "(" in s else copy.copy(word(rule_name, s))


def keep() -> None:
    """From now on, in this process."""
    config_loader_impl.create_defaults_list = files_of
    ConfigLoaderImpl._compose_config_from_defaults_list = merged
    ConfigRepository.load_config = loaded
    OverridesParser.parse_rule = read


def forget() -> None:
    """Hydra's own ways again, and nothing kept."""
    config_loader_impl.create_defaults_list = create_defaults_list
    ConfigLoaderImpl._compose_config_from_defaults_list = merge
    ConfigRepository.load_config = load_config
    OverridesParser.parse_rule = parse_rule
    for kept in (LISTS, MERGED, FILES):
        kept.clear()
    word.cache_clear()
