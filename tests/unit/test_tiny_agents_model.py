"""Which model an ``agent.json`` means, where it is called and with which key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.formats.document import Document
from flask_agent_api.formats.section import Section
from flask_agent_api.formats.tiny_agents.inputs import Inputs
from flask_agent_api.formats.tiny_agents.model import model_config
from flask_agent_api.models.config import ModelConfig


def top(fields: dict[str, Any]) -> Section:
    return Section(Document(Path("agent.json"), {}), (), fields, [])


def model_of(fields: dict[str, Any], environ: dict[str, str]) -> ModelConfig:
    section = top(fields)
    return model_config(section, Inputs(section, environ), environ)


@pytest.mark.parametrize(
    ("fields", "environ", "expected"),
    [
        ({"provider": "openai"}, {"API_KEY": "k"}, ("openai", "m", "k")),
        ({"provider": "openai", "model": "openai/gpt-4o"}, {"API_KEY": "k"}, ("openai", "gpt-4o", "k")),
        ({"provider": "openai", "apiKey": "own"}, {"API_KEY": "k"}, ("openai", "m", "own")),
        ({"provider": "openai", "apiKey": "${input:my-key}"}, {"MY_KEY": "own"}, ("openai", "m", "own")),
        ({"provider": "openai", "apiKey": "${input:my-key}"}, {"API_KEY": "k"}, ("openai", "m", "k")),
        ({"provider": "openai"}, {"OPENAI_API_KEY": "k", "HF_TOKEN": "hf_1"}, ("openai", "m", "")),
        ({"provider": "openai"}, {"API_KEY": "hf_1"}, ("openai", "m", "")),
        ({"provider": "nebius"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:nebius", "hf_1")),
        ({"provider": "nebius"}, {"HF_TOKEN": "hf_1", "NEBIUS_API_KEY": "k"}, ("huggingface", "m:nebius", "hf_1")),
        ({"provider": "nebius"}, {"NEBIUS_API_KEY": "k"}, ("nebius", "m", "")),
        ({"provider": "nebius"}, {"API_KEY": "k", "HF_TOKEN": "hf_1"}, ("nebius", "m", "k")),
        ({"provider": "nebius", "apiKey": "hf_2"}, {}, ("huggingface", "m:nebius", "hf_2")),
        ({"provider": "novita", "apiKey": "own"}, {"HF_TOKEN": "hf_1"}, ("novita", "m", "own")),
        ({"provider": "hyperbolic"}, {"HF_TOKEN": " hf_1\n"}, ("huggingface", "m:hyperbolic", "hf_1")),
        ({"provider": "hf-inference"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:hf-inference", "hf_1")),
        ({"provider": "brand-new"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:brand-new", "hf_1")),
        ({"provider": "brand-new"}, {"HF_TOKEN": "hf_1", "API_KEY": "k"}, ("huggingface", "m:brand-new", "hf_1")),
        ({"provider": "fastest"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:fastest", "hf_1")),
        ({"model": "m:fastest"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:fastest", "hf_1")),
        ({"model": "m:groq", "provider": "groq"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:groq", "hf_1")),
        ({"provider": "auto"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m", "hf_1")),
        ({}, {"HF_TOKEN": "hf_1", "API_KEY": "k"}, ("huggingface", "m", "hf_1")),
        ({}, {}, ("huggingface", "m", "")),
        ({"provider": "demo"}, {"HF_TOKEN": "hf_1"}, ("demo", "m", "")),
        ({"provider": "ollama", "model": "qwen3:8b"}, {"HF_TOKEN": "hf_1"}, ("ollama", "qwen3:8b", "")),
    ],
)
def test_provider_and_key(fields: dict[str, Any], environ: dict[str, str], expected: tuple[str, ...]) -> None:
    config = model_of({"model": "m", **fields}, environ)
    assert (config.provider, config.model, config.api_key) == expected


def test_a_provider_gets_its_own_key_at_its_own_url() -> None:
    config = model_of({"model": "m", "provider": "novita"}, {"API_KEY": "k"})
    assert (config.base_url, config.token_key) == ("https://api.novita.ai/v3/openai", "")


def test_a_key_that_the_router_cannot_take_is_not_sent_to_it() -> None:
    section = top({"model": "m", "provider": "auto", "apiKey": "sk-1"})
    config = model_config(section, Inputs(section, {}), {})
    assert (config.api_key, config.token_key) == ("", "HF_TOKEN")  # so that the error of a call names HF_TOKEN
    assert section.warnings == ["agent.json: provider: auto is reached with a key of Hugging Face alone (HF_TOKEN)"]


def test_a_provider_that_looks_misspelt_is_a_warning() -> None:
    section = top({"model": "m", "provider": "nebuis"})
    model_config(section, Inputs(section, {}), {"HF_TOKEN": "hf_1"})
    assert 'not a provider that is known here, did you mean "nebius"?' in section.warnings[0]


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/v1/chat/completions", "http://127.0.0.1:9/v1"),
        ("https://a.example.com/openai/chat/completions", "https://a.example.com/openai"),
        ("https://a.example.com/models/m?version=2", "https://a.example.com/models/m/v1?version=2"),
    ],
)
def test_an_endpoint_is_a_server_its_api_or_the_resource_itself(url: str, base_url: str) -> None:
    assert model_of({"endpointUrl": url}, {}).base_url == base_url
    config = model_of({"model": url}, {})
    assert (config.base_url, config.model) == (base_url, "default")


@pytest.mark.parametrize(
    ("url", "environ", "key"),
    [
        ("http://127.0.0.1:9/v1", {"API_KEY": "k", "HF_TOKEN": "hf_1"}, "k"),
        ("http://127.0.0.1:9/v1", {"HF_TOKEN": "hf_1"}, ""),
        ("https://nothuggingface.co/v1", {"HF_TOKEN": "hf_1"}, ""),
        ("https://x.endpoints.huggingface.cloud/v1", {"HF_TOKEN": "hf_1"}, "hf_1"),
        ("https://x.endpoints.huggingface.cloud/v1", {"HF_TOKEN": "hf_1", "API_KEY": "k"}, "k"),
    ],
)
def test_a_key_of_hugging_face_goes_to_nobody_else(url: str, environ: dict[str, str], key: str) -> None:
    config = model_of({"endpointUrl": url, "provider": "nebius"}, environ)
    assert (config.base_url, config.api_key, config.token_key) == (url, key, "")
