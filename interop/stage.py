"""Plays scenarios, several at a time, each with a device of its own, and prints a line for each."""

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from bench import Bench


class Wrong(Exception):
    """The device does not do what it should."""


class Visit:
    """One device in one scenario, which says what it has seen. A protocol's own has `play`, which returns the line."""

    def __init__(self, bench, scenario):
        self.bench = bench
        self.scenario = scenario
        self.agent = None
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    async def begin(self):
        """Makes what the device speaks to, and the device."""

    def observed(self):
        """What was told without being asked for."""
        return "nothing"

    def beside(self):
        """What runs beside the play; whoever ends first ends it."""
        return []

    async def leave(self):
        """Ends what the visit has begun."""


async def play(visit):
    """Plays it beside all else that has to go well; the death of the agent ends it."""
    tasks = [visit.play(), *visit.beside(), visit.agent.died()]
    tasks = [asyncio.create_task(task) for task in tasks]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # Of several that have ended, the death of the agent explains the others.
        return await next(task for task in reversed(tasks) if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def tell(visit, free):
    """The line of a scenario, and whether it went as it should."""
    async with free:
        try:
            await visit.begin()
            return await asyncio.wait_for(play(visit), visit.scenario.within), True
        # Whatever it was, the other scenarios go on.
        except Exception as e:
            where = traceback.extract_tb(e.__traceback__)[-1]
            why = f"{e or type(e).__name__} ({Path(where.filename).name}:{where.lineno})"
            said = "\n    ".join(visit.agent.said().splitlines() if visit.agent else [])
            why = "; ".join([why, f"observed {visit.observed()}", *visit.notes])
            return f"FAILED: {why}\n    {said}".rstrip(), False
        finally:
            if visit.agent:
                await visit.agent.kill()
            await visit.leave()


async def perform(protocol, arguments, scenarios, visits):
    """Plays those that are chosen. `visits` has a context in which a scenario has its visit."""
    chosen = [s for s in scenarios if not arguments.only or s.name in arguments.only]
    unknown = set(arguments.only) - {s.name for s in chosen}
    if unknown or not chosen:
        sys.exit(f"no scenario {', '.join(sorted(unknown))}")
    # Whoever ends this ends its devices.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    with tempfile.TemporaryDirectory(prefix="fwagent-interop-") as folder:
        bench = Bench(folder, Path(arguments.agent).resolve())
        async with visits(bench) as visit:
            free = asyncio.Semaphore(arguments.jobs)
            plays = [asyncio.create_task(tell(visit(s), free)) for s in chosen]
            try:
                good = 0
                for scenario, played in zip(chosen, plays):
                    line, is_good = await played
                    good += is_good
                    print(f"interop {protocol}: {scenario.name}: {line}", flush=True)
            finally:
                for played in plays:
                    played.cancel()
                await asyncio.gather(*plays, return_exceptions=True)
    print(f"{good} of {len(chosen)} scenarios")
    return good == len(chosen)


def parser(description):
    """The arguments that all have."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--agent", required=True, help="program `fwagent`")
    arguments.add_argument("--only", action="append", default=[], help="name of a scenario, repeatable")
    arguments.add_argument("--jobs", type=int, default=6, help="scenarios at a time")
    return arguments


def main(run):
    """Runs it; the exit code says whether all went well."""
    # Resets are the devices' business here.
    logging.disable(logging.WARNING)
    try:
        good = asyncio.run(run)
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("ended before all was played")
    sys.exit(0 if good else 1)


def is_within(values, path):
    """Whether they are values of the path, in its order."""
    rest = iter(path)
    return all(value in rest for value in values)
