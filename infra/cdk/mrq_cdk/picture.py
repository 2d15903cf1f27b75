"""The picture of what is deployed, drawn from a template: what there is, and who is allowed to call or reach whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

XML = "http://www.w3.org/2000/svg"
WIDE, HIGH, GAP_X, GAP_Y, EDGE = 190, 52, 95, 26, 24  # pixels

KINDS = {
    "AWS::ApiGatewayV2::Api": (0, "HTTP API", "the only way in"),
    "AWS::Scheduler::Schedule": (0, "EventBridge", "once a minute"),
    "AWS::SecretsManager::RotationSchedule": (0, "Secrets Manager", "rotation"),
    "AWS::ECS::Service": (2, "ECS Fargate", "container workers"),
    "AWS::DocDB::DBCluster": (3, "DocumentDB", "jobs, schedules, logs"),
    "AWS::ElastiCache::ServerlessCache": (3, "ElastiCache Valkey", "raw queues, wake-ups"),
    "AWS::SQS::Queue": (3, "SQS", "events given up"),
}
"""Types of resources: their column, name, and what they do."""

OUTSIDE = "SQS"
"""What Lambda itself sends to."""

FUNCTIONS = {"burst": (2, "bursts"), "dispatcher": (1, "dispatcher"), "scheduler": (1, "scheduler"),
             "dashboard": (1, "dashboard"), "rotation": (0, "rotation")}  # fmt: skip
"""Of mrq_lambda: their column, and name."""

TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8Z" fill="#555"/></marker></defs>'
)


@dataclass(slots=True)
class Box:
    """Something in the picture. `ids`: logical ids that stand for it, such as that of its security group."""

    column: int
    name: str
    about: str
    ids: set[str] = field(default_factory=set)
    row: int = 0

    @property
    def left(self) -> int:
        """Its left side."""
        return EDGE + self.column * (WIDE + GAP_X)

    @property
    def top(self) -> int:
        """Its upper side."""
        return EDGE + 30 + self.row * (HIGH + GAP_Y)


def draw(template: Mapping[str, Any]) -> str:
    """The picture as SVG. The same template gives the same text."""
    resources = template["Resources"]
    boxes = _boxes(resources)
    inside, rows = _arrange(boxes)
    lines = sorted(set(_lines(resources, boxes)))
    wide, high = 2 * EDGE + 4 * WIDE + 3 * GAP_X, 2 * EDGE + 30 + rows * (HIGH + GAP_Y)
    parts = [
        f'<svg xmlns="{XML}" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="13">',
        TIP,
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
        _private(boxes, inside),
    ]
    parts += [_line(boxes[start], boxes[end], reaches) for start, end, reaches in lines]
    parts += [_box(box) for box in boxes]
    return "\n".join([*parts, "</svg>", ""])


def _arrange(boxes: list[Box]) -> tuple[int, int]:
    """Give each its row: what is in the third column below the second, so that lines to the data pass above it, and
    what is outside of the VPC below all that is inside. Rows that the VPC takes, and all."""
    functions = sum(box.column == 1 for box in boxes)
    inside = functions + sum(box.column == 2 for box in boxes)
    following = [0, 0, functions, 1]
    for box in boxes:
        if box.name == OUTSIDE:
            box.row = inside
            continue
        box.row = following[box.column]
        following[box.column] += 1
    return inside, inside + 1


def _boxes(resources: Mapping[str, Any]) -> list[Box]:
    found: dict[tuple[int, str], Box] = {}
    for name, each in resources.items():
        kind, props = each["Type"], each.get("Properties", {})
        handler = str(props.get("Handler", ".")).split(".")[1] if kind == "AWS::Lambda::Function" else ""
        if handler in FUNCTIONS:
            column, title = FUNCTIONS[handler]
            box = found.setdefault((column, title), Box(column, title, "Lambda"))
            box.ids |= {name, *_refs(props.get("VpcConfig", {}).get("SecurityGroupIds", [])), *_refs(props["Role"])}
        elif kind in KINDS:
            column, title, about = KINDS[kind]
            box = found.setdefault((column, title), Box(column, title, about))
            box.ids.add(name)
            for key in ("VpcSecurityGroupIds", "SecurityGroupIds", "NetworkConfiguration"):
                box.ids |= _refs(props.get(key, []))
    return sorted(found.values(), key=lambda box: (box.column, box.name))


def _lines(resources: Mapping[str, Any], boxes: list[Box]) -> Iterator[tuple[int, int, bool]]:
    """From, to, and whether it connects to the other (True) or asks AWS to do something with it."""
    where = {name: n for n, box in enumerate(boxes) for name in box.ids}
    for name, each in resources.items():
        kind, props = each["Type"], each.get("Properties", {})
        pairs: list[tuple[set[str], set[str], bool]] = []
        if kind == "AWS::EC2::SecurityGroupIngress":
            pairs = [(_refs(props["SourceSecurityGroupId"]), _refs(props["GroupId"]), True)]
        elif kind == "AWS::IAM::Policy":
            called = [_refs(each["Resource"]) for each in props["PolicyDocument"]["Statement"] if _calls(each)]
            pairs = [(_refs(props["Roles"]), each, False) for each in called]
        elif kind == "AWS::Scheduler::Schedule":
            pairs = [({name}, _refs(props["Target"]["Arn"]), False)]
        elif kind == "AWS::SecretsManager::RotationSchedule":
            pairs = [({name}, _refs(props["RotationLambdaARN"]), False)]
        elif kind == "AWS::ApiGatewayV2::Integration":
            pairs = [(_refs(props["ApiId"]), _refs(props["IntegrationUri"]), False)]
        for starts, ends, reaches in pairs:
            for start in {where[each] for each in starts if each in where}:
                yield from ((start, where[end], reaches) for end in ends if end in where and where[end] != start)


def _calls(statement: Mapping[str, Any]) -> bool:
    actions = statement["Action"]
    wanted = {"lambda:InvokeFunction", "ecs:UpdateService", "sqs:SendMessage"}
    return statement["Effect"] == "Allow" and bool(wanted & set([actions] if isinstance(actions, str) else actions))


def _refs(value: Any) -> set[str]:
    """Logical ids that a value names."""
    if isinstance(value, dict):
        if "Ref" in value:
            return {value["Ref"]}
        if "Fn::GetAtt" in value:
            return {value["Fn::GetAtt"][0]}
        return {each for part in value.values() for each in _refs(part)}
    return {each for part in value for each in _refs(part)} if isinstance(value, list) else set()


def _private(boxes: list[Box], rows: int) -> str:
    """The frame around what is in private subnets: the columns from the functions on."""
    left = next(box for box in boxes if box.column == 1).left - GAP_X // 3
    right = next(box for box in boxes if box.column == 3).left + WIDE + EDGE // 2
    high = EDGE + 22 + rows * (HIGH + GAP_Y) - GAP_Y // 2
    return (
        f'<rect x="{left}" y="{EDGE // 2}" width="{right - left}" height="{high}" rx="8" fill="#f2f8f7" '
        'stroke="#7fb3ab" stroke-dasharray="5 4"/>'
        f'<text x="{left + 10}" y="{EDGE + 8}" fill="#3c6e66">private subnets; dashed lines ask AWS, '
        "full lines connect over TLS</text>"
    )


def _box(box: Box) -> str:
    middle = box.left + WIDE // 2
    return (
        f'<rect x="{box.left}" y="{box.top}" width="{WIDE}" height="{HIGH}" rx="6" fill="#fff" stroke="#333"/>'
        f'<text x="{middle}" y="{box.top + 22}" text-anchor="middle" font-weight="bold">{escape(box.name)}</text>'
        f'<text x="{middle}" y="{box.top + 40}" text-anchor="middle" fill="#555">{escape(box.about)}</text>'
    )


def _line(start: Box, end: Box, reaches: bool) -> str:
    """A curve from the right side to the left one, or beside a column."""
    style = 'stroke="#1f7a6d"' if reaches else 'stroke="#777" stroke-dasharray="4 3"'
    y1, y2 = start.top + HIGH // 2, end.top + HIGH // 2
    if start.column == end.column:
        x = start.left
        path = f"M{x} {y1}C{x - EDGE} {y1} {x - EDGE} {y2} {x} {y2}"
    else:
        x1, x2 = start.left + WIDE, end.left
        bend = max(30, (x2 - x1) // 2)
        path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path d="{path}" fill="none" {style} marker-end="url(#tip)"/>'
