"""Group commit: several works in one transaction, each in a savepoint, committed once."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from recsvc.db.session import (
    CONNECTION_ERRORS,
    Database,
    Session,
    translate_connection_errors,
    translate_error,
    unit_of_work,
)

GROUP_SECONDS = 0.1  # no work of a shared transaction begins later

T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True)
class MergeableWork(Generic[A, T]):
    """A work that can run together with others of the same function, in fewer statements.

    run_together  runs for several arguments as if it ran for each alone, in order
    """

    run_together: Callable[[Session, Sequence[A]], Sequence[T]]
    argument: A

    def __call__(self, session: Session) -> T:
        """Run for this argument alone."""
        return self.run_together(session, [self.argument])[0]


def commit_together(
    database: Database, works: Sequence[Callable[[Session], T]]
) -> list[T | Exception]:
    """Run each work in a savepoint of one transaction, commit once, and return the outcomes.

    The outcome of a work that raises is its exception; its writes are rolled back. Mergeable works
    of one function share a savepoint; after an error each has one of its own. After an error that
    ends the transaction, each work runs again in a transaction of its own. No work begins later
    than GROUP_SECONDS after the first, so only the first works may have outcomes. Raises
    DatabaseUnavailable or StorageFull if the transaction cannot begin or commit; nothing is
    stored then.
    """
    if len(works) > 1:
        with (
            suppress(_TransactionLost),
            translate_connection_errors(),
            database.engine.begin() as connection,
        ):
            return _run_in_time(partial(_in_savepoint, connection), works)
    return _run_in_time(partial(_in_own_transaction, database), works)


def _run_in_time(
    run: Callable[[Callable[[Session], Any]], Any], works: Sequence[Callable[[Session], T]]
) -> list[T | Exception]:
    """Run the first work, and further ones until GROUP_SECONDS have passed."""
    deadline = time.monotonic() + GROUP_SECONDS
    outcomes: list[T | Exception] = []
    for merged in _merge_neighbours(works):
        if outcomes and time.monotonic() > deadline:
            break
        outcomes.extend(_run_merged(run, merged))
    return outcomes


def _merge_neighbours(
    works: Sequence[Callable[[Session], T]],
) -> Iterator[list[Callable[[Session], T]]]:
    """Yield the works in order, mergeable ones of one function that are neighbours together."""
    for _, neighbours in groupby(works, lambda work: getattr(work, "run_together", work)):
        yield list(neighbours)


def _run_merged(
    run: Callable[[Callable[[Session], Any]], Any], works: Sequence[Callable[[Session], T]]
) -> Sequence[T | Exception]:
    first = works[0]
    if len(works) > 1 and isinstance(first, MergeableWork):
        arguments = [work.argument for work in works if isinstance(work, MergeableWork)]
        outcomes: Sequence[T] | Exception = run(
            lambda session: first.run_together(session, arguments)
        )
        if not isinstance(outcomes, Exception):
            return outcomes
    return [run(work) for work in works]


class _TransactionLost(Exception):
    """An error of one work has ended the shared transaction."""


def _in_savepoint(connection: Connection, work: Callable[[Session], T]) -> T | Exception:
    try:
        with (
            Session(connection, join_transaction_mode="create_savepoint") as session,
            session.begin(),
        ):
            session.expire_on_commit = False
            return work(session)
    except DBAPIError as error:
        if type(error) in CONNECTION_ERRORS:
            raise _TransactionLost from error
        return translate_error(error) or error
    except Exception as error:
        return error


def _in_own_transaction(database: Database, work: Callable[[Session], T]) -> T | Exception:
    try:
        with unit_of_work(database) as session:
            return work(session)
    except Exception as error:
        return error
