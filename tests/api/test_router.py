"""The API as a whole: its document, its pages, and what it says where no route answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.api.door import Door
from app.api.errors import KINDS
from app.api.router import SPECS, build_api
from app.api.schemas.problem import Problem
from app.domain.units import DECIMAL_PATTERN
from tests.api.gateway import Gateway

DOCUMENT = build_api().openapi()
OPERATIONS = [
    (path, method, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]


def walk(value):
    """Every object in a JSON document."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from walk(member)
    elif isinstance(value, list):
        for member in value:
            yield from walk(member)


def test_operation_ids_are_neat_and_unique():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_every_operation_is_explained_and_documents_its_problems(path, method, operation):
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    statuses = operation["responses"]
    for status, response in statuses.items():
        assert response["description"]
        if status >= "400" and path != "/readyz":
            content = response["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "500" in statuses
    if operation.get("security"):
        assert {"401", "403"} <= set(statuses)
        (scheme,) = operation["security"]
        assert list(scheme) == ["ApiKey"]
        assert len(scheme["ApiKey"]) == 1
    if "requestBody" in operation:
        assert {"400", "408", "413", "415", "422"} <= set(statuses)
    if method == "get" and path.startswith("/v1/orders/"):
        assert "404" in statuses


def test_the_short_order_path_is_not_a_second_door():
    assert "/orders" not in DOCUMENT["paths"]
    doors = [r for r in build_api().router.routes if isinstance(r, Door) and r.spec.operation_id == "place_order"]
    assert len(doors) == 2
    assert len({door.spec.endpoint for door in doors}) == 1


def test_the_hot_door_is_in_the_document_and_on_the_direct_way():
    """One declaration: what the document shows is what answers, without FastAPI's machinery between."""
    operation = DOCUMENT["paths"]["/v1/orders"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/OrderBody"}
    assert {"200", "201", "409", "422", "429", "503"} <= set(operation["responses"])
    direct = build_api().direct
    assert direct["POST", "/v1/orders"].spec.endpoint is direct["POST", "/orders"].spec.endpoint


def test_decimals_have_one_pattern_and_no_number_is_a_decimal():
    patterns = {
        node["pattern"]
        for node in walk(DOCUMENT)
        if isinstance(node.get("pattern"), str) and r"(\.[0-9]" in node["pattern"]
    }
    assert patterns == {DECIMAL_PATTERN, "^-?" + DECIMAL_PATTERN[1:]}
    assert not [node for node in walk(DOCUMENT["components"]["schemas"]) if node.get("type") == "number"]


def test_no_shape_exists_twice():
    names = DOCUMENT["components"]["schemas"]
    assert not [name for name in names if name.endswith(("-Input", "-Output"))]
    assert "HTTPValidationError" not in names


def test_enums_are_shared():
    seen = {}
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if "enum" in schema:
            values = tuple(schema["enum"])
            assert values not in seen, (name, seen[values])
            seen[values] = name


def test_the_examples_are_valid_orders():
    from app.api.decode import decode_object
    from app.api.schemas.order import OrderBody
    from app.api.validate import validate

    examples = DOCUMENT["components"]["schemas"]["OrderBody"]["examples"]
    assert examples
    for example in examples:
        validate(OrderBody, decode_object(json.dumps(example).encode()))


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages_need_nothing_from_elsewhere(gateway: Gateway, path: str) -> None:
    async with gateway.client("") as client:
        page = (await client.get(path)).text
        links = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", page)
        assert links
        for link in links:
            assert link.startswith("/"), link
            assert (await client.get(link)).status_code == 200, link
    assert not re.search(r"https?://(?!bestex)", page)


async def test_the_document_is_served(gateway: Gateway) -> None:
    async with gateway.client("") as client:
        assert (await client.get("/openapi.json")).json()["info"]["title"] == "Bestex"
        assert (await client.get("/asyncapi.json")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/v1/orders", "DELETE, GET, POST"),
        ("PUT", "/v1/orders/ord_1", "DELETE, GET, PATCH"),
        ("OPTIONS", "/v1/orders/preview", "POST"),
        ("POST", "/v1/risk/limits", "GET, PUT"),
        ("HEAD", "/livez", "GET"),
        ("TRACE", "/orders", "POST"),
    ],
)
async def test_405_lists_every_method_of_the_path(gateway: Gateway, method: str, path: str, allow: str) -> None:
    async with gateway.client() as client:
        answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/orders/", "/v1/nope", "/%00", "/v1/orders/a/b/c", "/\u202e", "/errors/"]
)
async def test_404_is_a_problem(gateway: Gateway, path: str) -> None:
    async with gateway.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert Problem.model_validate(answer.json()).type == "/errors/not-found"


async def test_an_unexpected_error_is_a_problem_that_tells_nothing(gateway: Gateway, monkeypatch) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(type(gateway.services.reads), "balances", explode)
    async with gateway.client() as client:
        answer = await client.get("/v1/balances")
    problem = Problem.model_validate(answer.json())
    assert (answer.status_code, problem.code, problem.outcome) == (500, "internal_error", "unknown")
    assert "secret" not in answer.text
    assert problem.request_id == answer.headers["x-request-id"]


def test_every_documented_code_is_in_the_catalogue():
    for _, _, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            if "application/problem+json" in response.get("content", {}):
                codes = response["description"].split(", ")
                assert all(str(KINDS[code].status) == status for code in codes)


def test_the_one_page_lists_every_route_with_its_scope():
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
    listed = set(re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \| (\w+) \|$", page, re.M))
    declared = {
        (spec.method, spec.path.replace(":path", ""), spec.scope.value if spec.scope else "none")
        for spec in SPECS
        if spec.in_schema
    }
    assert listed == declared
