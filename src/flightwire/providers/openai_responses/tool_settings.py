"""The settings of OpenAI's own tools.

Owns: what each may be told, in OpenAI's words. Refuses to know: functions, choices, calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from flightwire.errors import UnsupportedFunctionalityError
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.options import Options, without_none

__all__ = ["SETTINGS", "options_in"]

Fields = dict[str, object]


def options_in(value: object) -> Options:
    """The settings in an object, in either spelling."""
    return Options(cast("JSONObject", value) if isinstance(value, Mapping) else {})


def _file_search(args: Options) -> Fields:
    ranking = args["ranking"]
    by = options_in(ranking)
    return {
        "vector_store_ids": args["vectorStoreIds"],
        "max_num_results": args["maxNumResults"],
        "ranking_options": without_none({"ranker": by["ranker"], "score_threshold": by["scoreThreshold"]})
        if ranking
        else None,
        "filters": args["filters"],
    }


def _web_search(args: Options) -> Fields:
    filters = args["filters"]
    by = options_in(filters)
    return {
        "filters": without_none(
            {"allowed_domains": by["allowedDomains"], "blocked_domains": by["blockedDomains"]}
        )
        if filters is not None
        else None,
        "external_web_access": args["externalWebAccess"],
        "search_context_size": args["searchContextSize"],
        "user_location": args["userLocation"],
    }


def _web_search_preview(args: Options) -> Fields:
    return {"search_context_size": args["searchContextSize"], "user_location": args["userLocation"]}


def _code_interpreter(args: Options) -> Fields:
    container = args["container"]
    if isinstance(container, str):
        return {"container": container}
    inner = options_in(container)
    return {
        "container": without_none(
            {
                "type": "auto",
                "file_ids": inner["fileIds"],
                "memory_limit": inner["memoryLimit"],
                "network_policy": _network_policy(inner["networkPolicy"]),
            }
        )
    }


def _network_policy(policy: JSONValue) -> Fields | None:
    if not isinstance(policy, Mapping):
        return None
    if policy.get("type") == "disabled":
        return {"type": "disabled"}
    by = options_in(policy)
    return without_none(
        {
            "type": "allowlist",
            "allowed_domains": by["allowedDomains"],
            "domain_secrets": by["domainSecrets"],
        }
    )


def _image_generation(args: Options) -> Fields:
    mask = args["inputImageMask"]
    inner = options_in(mask)
    return {
        "action": args["action"],
        "background": args["background"],
        "input_fidelity": args["inputFidelity"],
        "input_image_mask": without_none({"file_id": inner["fileId"], "image_url": inner["imageUrl"]})
        if mask
        else None,
        "model": args["model"],
        "moderation": args["moderation"],
        "partial_images": args["partialImages"],
        "quality": args["quality"],
        "output_compression": args["outputCompression"],
        "output_format": args["outputFormat"],
        "size": args["size"],
    }


def _mcp(args: Options) -> Fields:
    approval, tools = args["requireApproval"], args["allowedTools"]
    if isinstance(approval, Mapping):
        never = approval.get("never")
        named = options_in(never)["toolNames"]
        approval = None if never is None else {"never": {} if named is None else {"tool_names": named}}
    if isinstance(tools, Mapping):
        by = options_in(tools)
        tools = cast("JSONValue", without_none({"read_only": by["readOnly"], "tool_names": by["toolNames"]}))
    return {
        "server_label": args["serverLabel"],
        "allowed_tools": tools,
        "authorization": args["authorization"],
        "connector_id": args["connectorId"],
        "headers": args["headers"],
        "require_approval": approval if approval is not None else "never",
        "server_description": args["serverDescription"],
        "server_url": args["serverUrl"],
        "tunnel_id": args["tunnelId"],
    }


def _tool_search(args: Options) -> Fields:
    return {
        "execution": args["execution"],
        "description": args["description"],
        "parameters": args["parameters"],
    }


def _shell(args: Options) -> Fields:
    environment = args["environment"]
    if not environment:
        return {}
    inner = options_in(environment)
    kind = inner["type"]
    if kind in ("containerReference", "container_reference"):
        return {"environment": {"type": "container_reference", "container_id": inner["containerId"]}}
    if kind in ("containerAuto", "container_auto"):
        skills = inner["skills"]
        return {
            "environment": without_none(
                {
                    "type": "container_auto",
                    "file_ids": inner["fileIds"],
                    "memory_limit": inner["memoryLimit"],
                    "network_policy": _network_policy(inner["networkPolicy"]),
                    "skills": [_skill(options_in(skill)) for skill in skills]
                    if isinstance(skills, Sequence)
                    else None,
                }
            )
        }
    return {"environment": without_none({"type": "local", "skills": inner["skills"]})}


def _skill(skill: Options) -> Fields:
    if skill["type"] in ("skillReference", "skill_reference"):
        reference = skill["providerReference"]
        found = reference.get("openai") if isinstance(reference, Mapping) else None
        if found is None:
            raise UnsupportedFunctionalityError(
                "a skill of the shell is not known at openai; upload it there."
            )
        return {"type": "skill_reference", "skill_id": found, "version": skill.get("version", "latest")}
    source = options_in(skill["source"])
    inline = {"type": "base64", "media_type": source["mediaType"], "data": source["data"]}
    return {
        "type": "inline",
        "name": skill["name"],
        "description": skill["description"],
        "source": inline,
    }


SETTINGS: dict[str, Callable[[Options], Fields]] = {
    "file_search": _file_search,
    "web_search": _web_search,
    "web_search_preview": _web_search_preview,
    "code_interpreter": _code_interpreter,
    "image_generation": _image_generation,
    "mcp": _mcp,
    "tool_search": _tool_search,
    "shell": _shell,
}
