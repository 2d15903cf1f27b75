"""The jobs: find the packages, list their files, index each file, add everything up.

    index_everything -> index_package (one a package) -> index_file (one a file)
                                                      -> SummarisePackage, waits for the package's files
                     -> summarise, waits for all summaries -> token_frequency, longest_identifiers:
                                                              large ones, over the largest package

A file that can't be parsed fails its job, with the parser's own error: that is part of the result.
"""

from __future__ import annotations

import ast
import hashlib
import io
import time
import tokenize
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrq.context import get_current_job, retry_current_job, set_current_job_progress
from mrq.job import Job, queue_job
from mrq.task import Task, task
from source_index.sources import Package, default_folders, packages_in

if TYPE_CHECKING:
    from collections.abc import Iterator

UNENDED = frozenset({"queued", "started", "retry", "interrupt"})
LOOK_AGAIN = 1  # seconds until a summary looks again whether its jobs have ended
LOOKS = 10_000


@task
def index_everything(files: int = 4000, folders: list[str] | None = None) -> dict[str, Any]:
    """Queue a job for each package, until they have `files` files together, and one that adds them up."""
    left = files
    packages: list[dict[str, Any]] = []
    for folder in folders or default_folders():
        for package in packages_in(folder):
            most = min(left, len(package.files()))
            if most:
                packages.append({"name": package.name, "folder": package.folder, "deep": package.deep, "most": most})
                left -= most
    jobs = index_package.queue_many(packages)
    summary = summarise.queue([job.id for job in jobs])
    return {"packages": len(jobs), "files": files - left, "summary": summary.id}


@task
def index_package(name: str, folder: str, deep: bool, most: int) -> dict[str, Any]:
    """Queue a job for each of the first `most` files of a package, and one that adds them up."""
    paths = Package(name, folder, deep).files()[:most]
    jobs = index_file.queue_many({"path": path, "package": name} for path in paths)
    parameters = {"package": name, "files": [job.id for job in jobs]}
    summary = queue_job("source_index.tasks.SummarisePackage", parameters, queue="cpu")
    return {"files": len(jobs), "summary": summary, "where": {"folder": folder, "deep": deep, "most": most}}


@task
def index_file(path: str, package: str) -> dict[str, Any]:
    """Read and parse one file; what is in it. Raises what Python's parser raises if it is no Python."""
    source = Path(path).read_bytes()
    tree = parsed(source, path)
    nodes = Counter(type(node) for node in ast.walk(tree))
    return {
        "package": package,
        "bytes": len(source),
        "sha256": hashlib.sha256(source).hexdigest(),
        "lines": source.count(b"\n") + (not source.endswith(b"\n") and bool(source)),
        "functions": nodes[ast.FunctionDef] + nodes[ast.AsyncFunctionDef],
        "classes": nodes[ast.ClassDef],
        "imports": nodes[ast.Import] + nodes[ast.ImportFrom],
    }


class SummarisePackage(Task):
    """Add up what the jobs of one package have found. A task as MRQ 0.9 has them: a class with `run(params)`."""

    def run(self, params: dict[str, Any]) -> dict[str, Any]:
        """`params`: `package`, its name, and `files`, the ids of its jobs. Returns the sums."""
        ended = documents_of_ended(params["files"])
        results = [document["result"] for document in ended if document["status"] == "success"]
        return {"package": params["package"], "unparsable": len(ended) - len(results), **sums(results)}


@task(queue="cpu")
def summarise(packages: list[Any]) -> dict[str, Any]:
    """Add up the summaries of all packages, and queue the large jobs, over the largest one.

    `packages`: ids of the jobs that listed the packages.
    """
    listed = [document["result"] for document in documents_of_ended(packages)]
    summaries = [document["result"] for document in documents_of_ended([each["summary"] for each in listed])]
    largest = max(range(len(listed)), key=lambda number: summaries[number]["lines"], default=None)
    if largest is not None:
        token_frequency.queue(**listed[largest]["where"])
        longest_identifiers.queue(**listed[largest]["where"])
    return {
        "packages": len(summaries),
        "files": sum(each["files"] for each in listed),
        "unparsable": sum(each["unparsable"] for each in summaries),
        "largest": None if largest is None else summaries[largest]["package"],
        **sums(summaries),
    }


@task(queue="cpu", timeout=600)
def token_frequency(folder: str, deep: bool, most: int) -> dict[str, Any]:
    """Cut a whole package into tokens, with Python's own tokenizer in Python; the most frequent ones."""
    seen: Counter[str] = Counter()
    for _, source in sources_of(folder, deep, most):
        try:
            seen.update(
                token.string for token in tokenize.tokenize(io.BytesIO(source).readline) if token.string.strip()
            )
        except (SyntaxError, tokenize.TokenError):
            continue  # index_file says so
    return {"tokens": seen.total(), "different": len(seen), "frequent": [list(each) for each in seen.most_common(10)]}


@task(queue="cpu", timeout=600)
def longest_identifiers(folder: str, deep: bool, most: int) -> dict[str, Any]:
    """Find the longest names that are defined in a whole package, and their average length."""
    names: set[str] = set()
    for path, source in sources_of(folder, deep, most):
        try:
            tree = parsed(source, path)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # index_file says so
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        names.update(node.name for node in ast.walk(tree) if isinstance(node, definitions))
    longest = sorted(names, key=lambda name: (-len(name), name))[:10]
    return {"names": len(names), "mean": sum(map(len, names)) / max(1, len(names)), "longest": longest}


def parsed(source: bytes, path: str) -> ast.Module:
    """Parse a file. Python's warnings about other people's code are not for the log of the worker."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, path)


def sources_of(folder: str, deep: bool, most: int) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of a package's files. Says how far the job is, and lets others have a turn between two."""
    paths = Package("", folder, deep).files()[:most]
    for number, path in enumerate(paths):
        yield path, Path(path).read_bytes()
        set_current_job_progress(number / len(paths))
        time.sleep(0)  # under gevent: the worker's other jobs


def documents_of_ended(jobs: list[Any]) -> list[dict[str, Any]]:
    """The documents of jobs; if one has not ended yet, the current job ends here and runs again later."""
    documents: list[dict[str, Any]] = []
    for job_id in jobs:
        document = Job(job_id).fetch().data
        if document is None or document["status"] in UNENDED:
            if get_current_job() is None:
                raise RuntimeError(f"job {job_id} has not ended yet")
            retry_current_job(delay=LOOK_AGAIN, max_retries=LOOKS)
            raise AssertionError("retry_current_job() came back")
        documents.append(document)
    return documents


def sums(results: list[dict[str, Any]]) -> dict[str, int]:
    """The numbers of several results, added up."""
    return {name: sum(each[name] for each in results) for name in ("bytes", "lines", "functions", "classes", "imports")}
