"""Measures one case with all its contenders, and compares: the rows that tables, JSON and plots are made of."""

from dataclasses import asdict, dataclass, field, replace

from .contenders import Contender, Prepared
from .layers import Goal
from .peaks import Peaks
from .turns import ContenderError, Setting, Timing, Worker, take_turns


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
    """One case on so many threads. `peaks_then` are of one thread while it was measured: a neighbour shows there."""

    case: str
    kind: str
    threads: int
    outcomes: list[Outcome]
    work: dict[str, tuple[int, int]]  # by precision
    goals: dict[str, Goal]
    from_memory: bool
    peaks_then: Peaks | None = None


@dataclass
class Row:
    """One of our precisions of a case beside its best peer. `seconds` are of the chosen clock; None: not measured."""

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

    @property
    def rate(self) -> float | None:
        """Multiply-accumulates a second."""
        return self.macs / self.seconds if self.seconds else None


def measure(case, contenders: list[Contender], setting: Setting) -> Group:
    """Prepares, checks and times; whoever cannot is recorded with the reason."""
    setting = replace(setting, copies=case.copies)
    outcomes = {contender: Outcome(contender) for contender in contenders}
    prepared: dict[str, Prepared] = {}
    workers: dict[str, Worker] = {}
    for contender, outcome in outcomes.items():
        try:
            feed = case.feed(contender.precision)
            made = prepared[contender.name] = case.prepare(contender)
            outcome.file_bytes = made.file_bytes
            outcome.compilation = made.built.summary if made.built else {}
            worker = Worker(contender.engine, made.path, feed, setting)
            workers[contender.name] = worker
            outcome.deviation = case.check(contender, worker.results)
        except ContenderError as error:
            outcome.error = str(error)
            if contender.name in workers:
                workers.pop(contender.name).close()
    failed = take_turns(workers, setting.rounds)
    peaks_then = None
    for outcome in outcomes.values():
        name = outcome.contender.name
        if name in failed:
            outcome.error = str(failed[name])
        elif name in workers:
            outcome.timing = Timing.of(workers[name].turns)
            if outcome.contender.ours:
                profile = workers[name].ask("profile")
                outcome.kernels = profile["kernels"]
                measured = Peaks.of_profile(profile)
                peaks_then = peaks_then.joined(measured, max) if peaks_then else measured
    for worker in workers.values():
        worker.close()
    precisions = dict.fromkeys(contender.precision for contender in contenders)
    work = {precision: case.work(precision, prepared) for precision in precisions}
    goals = {precision: case.goal(precision) for precision in precisions}
    return Group(case.name, case.kind, setting.threads, list(outcomes.values()), work, goals,
                 case.from_memory, peaks_then)


def rows(group: Group, peaks: Peaks, clock: str = "wall") -> list[Row]:
    """One for each precision of ours."""
    return [_row(group, outcome, peaks, clock) for outcome in group.outcomes if outcome.contender.ours]


def _row(group: Group, ours: Outcome, peaks: Peaks, clock: str) -> Row:
    """FP32 is compared with peers in FP32, what is quantized with peers of any precision: nobody need use INT8 where it
    is slower."""
    precision = ours.contender.precision
    macs, size = group.work[precision]
    bound, bound_by = peaks.bound(precision, macs, size, group.threads, group.from_memory)
    own = ours.timing.by(clock) if ours.timing else None
    peers = {o.contender: o.timing.by(clock).median for o in group.outcomes if not o.contender.ours and o.timing
             and (precision != "f32" or o.contender.precision == "f32")}

    def ratio(seconds: list[float]) -> float | None:
        return min(seconds) / own.median if own and seconds else None

    goal = group.goals[precision]
    judges = [seconds for peer, seconds in peers.items() if goal.peer in (None, peer.engine)]
    share = bound / own.median if own and macs else None
    met = goal.met(ratio(judges), share)
    if own is None and str(goal):
        met = False  # who computes nothing, or something wrong, reaches nothing
    best = min(peers, key=peers.get, default=None)
    return Row(case=group.case, kind=group.kind, threads=group.threads, precision=precision, macs=macs, bytes=size,
               bound_seconds=bound, bound_by=bound_by, seconds=own.median if own else None,
               best_seconds=own.best if own else None, spread=own.spread if own else None, share_of_bound=share,
               best_peer=best.name if best else None, best_peer_seconds=peers.get(best),
               ratio=ratio(list(peers.values())), goal=str(goal), goal_met=met, error=ours.error)
