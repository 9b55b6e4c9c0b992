"""Measures one case with all its contenders, and compares: the rows that tables, JSON and plots are made of."""

import statistics
from dataclasses import asdict, dataclass, field, replace

from .contenders import Contender, Prepared
from .layers import Goal
from .peaks import Peaks, Yardstick
from .turns import ContenderError, Setting, Timing, Worker, take_turns, times_faster

PEAK_ROUNDS = 4  # that one reading of the peaks counts for: it takes as long as several turns


@dataclass
class Outcome:
    """What became of one contender: times, or the reason why there are none."""

    contender: Contender
    timing: Timing | None = None
    deviation: dict = field(default_factory=dict)
    file_bytes: int = 0
    error: str | None = None
    kernels: list[dict] = field(default_factory=list)
    compilation: dict = field(default_factory=dict)  # of ours: what the compiler's closing table says

    def to_json(self) -> dict:
        return asdict(self) | {"name": self.contender.name}


@dataclass
class Group:
    """One case on so many threads. `peaks` are of all threads, round by round: neighbours show there."""

    case: str
    kind: str
    threads: int
    outcomes: list[Outcome]
    work: dict[str, tuple[int, int]]  # by precision
    goals: dict[str, Goal]
    from_memory: bool
    peaks: list[Peaks]


@dataclass
class Row:
    """One of our precisions of a case beside its best peer, the one of the shortest median. `seconds` are of the chosen
    clock; None: not measured. The share of the bound is, like the ratio, the median of what it is in each round."""

    case: str
    kind: str
    threads: int
    precision: str
    macs: int
    bytes: int
    bound_seconds: float
    bound_by: str
    seconds: float | None
    best_seconds: float | None
    spread: float | None
    share_of_bound: float | None
    best_peer: str | None
    best_peer_seconds: float | None
    ratio: float | None
    goal: str
    goal_met: bool | None
    error: str | None
    turns: list[float] = field(default_factory=list)  # seconds, round by round

    @property
    def rate(self) -> float | None:
        """Multiply-accumulates a second."""
        return self.macs / self.seconds if self.seconds else None


def measure(case, contenders: list[Contender], settings: list[Setting], yardsticks: dict[int, Yardstick]) -> list[Group]:
    """Prepares, checks and times, in all settings round by round; whoever cannot is recorded with the reason. One group
    for each setting; all have as many rounds as the first. `yardsticks` are by the number of threads."""
    settings = [replace(setting, copies=case.copies) for setting in settings]
    prepared: dict[str, Prepared | ContenderError] = {}
    for contender in contenders:
        try:
            prepared[contender.name] = case.prepare(contender)
        except ContenderError as error:
            prepared[contender.name] = error
    outcomes = [{contender: Outcome(contender) for contender in contenders} for _ in settings]
    workers: dict[tuple[int, str], Worker] = {}
    for i, setting in enumerate(settings):
        for contender, outcome in outcomes[i].items():
            made = prepared[contender.name]
            if isinstance(made, ContenderError):
                outcome.error = str(made)
                continue
            outcome.file_bytes = made.file_bytes
            outcome.compilation = made.built.summary if made.built else {}
            try:
                worker = Worker(contender.engine, made.path, case.feed(contender.precision), setting)
                workers[i, contender.name] = worker
                outcome.deviation = case.check(contender, worker.results)
            except ContenderError as error:
                outcome.error = str(error)
                if (i, contender.name) in workers:
                    workers.pop((i, contender.name)).close()
    peaks: list[list[Peaks]] = [[] for _ in settings]

    def read_peaks() -> None:
        for setting, readings in zip(settings, peaks):
            due = len(readings) % PEAK_ROUNDS == 0
            readings.append(yardsticks[setting.threads].read() if due else readings[-1])

    failed = take_turns(workers, settings[0].rounds, read_peaks)
    made = {name: file for name, file in prepared.items() if isinstance(file, Prepared)}
    precisions = dict.fromkeys(contender.precision for contender in contenders)
    work = {precision: case.work(precision, made) for precision in precisions}
    goals = {precision: case.goal(precision) for precision in precisions}
    groups = []
    for i, setting in enumerate(settings):
        for outcome in outcomes[i].values():
            key = i, outcome.contender.name
            if key in failed:
                outcome.error = str(failed[key])
            elif key in workers:
                outcome.timing = Timing.of(workers[key].turns)
                if outcome.contender.ours:
                    outcome.kernels = workers[key].ask("profile")["kernels"]
        groups.append(Group(case.name, case.kind, setting.threads, list(outcomes[i].values()), work, goals,
                            case.from_memory, peaks[i]))
    for worker in workers.values():
        worker.close()
    return groups


def rows(group: Group, clock: str = "wall") -> list[Row]:
    """One for each precision of ours."""
    return [_row(group, outcome, clock) for outcome in group.outcomes if outcome.contender.ours]


def _row(group: Group, ours: Outcome, clock: str) -> Row:
    """FP32 is compared with peers in FP32, what is quantized with peers of any precision: nobody need use INT8 where it
    is slower."""
    precision = ours.contender.precision
    macs, size = group.work[precision]
    bounds = [peaks.bound(precision, macs, size, group.threads, group.from_memory) for peaks in group.peaks]
    own = ours.timing.by(clock) if ours.timing else None
    peers = {o.contender: o.timing.by(clock) for o in group.outcomes if not o.contender.ours and o.timing
             and (precision != "f32" or o.contender.precision == "f32")}

    def best_of(engine: str | None) -> Contender | None:
        judges = [peer for peer in peers if engine in (None, peer.engine)]
        return min(judges, key=lambda peer: peers[peer].median, default=None)

    def ratio(peer: Contender | None) -> float | None:
        return times_faster(own.turns, peers[peer].turns) if own and peer else None

    goal = group.goals[precision]
    share = times_faster(own.turns, [seconds for seconds, _ in bounds]) if own and macs else None
    met = goal.met(ratio(best_of(goal.peer)), share)
    if own is None and str(goal):
        met = False  # who computes nothing, or something wrong, reaches nothing
    best = best_of(None)
    return Row(case=group.case, kind=group.kind, threads=group.threads, precision=precision, macs=macs, bytes=size,
               bound_seconds=statistics.median(seconds for seconds, _ in bounds),
               bound_by=statistics.mode(by for _, by in bounds), seconds=own.median if own else None,
               best_seconds=own.best if own else None, spread=own.spread if own else None, share_of_bound=share,
               best_peer=best.name if best else None,
               best_peer_seconds=peers[best].median if best else None, ratio=ratio(best), goal=str(goal), goal_met=met,
               error=ours.error, turns=own.turns if own else [])
