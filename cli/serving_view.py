"""How `tritonup serve` shows itself: what it does on standard error, the answers on standard output."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from local.ask import Answer
from local.loading import State
from local.triton import Prepared, RunningTriton

_STATES = {State.LOADING: "loading", State.READY: "[green]ready[/]", State.FAILED: "[red]failed[/]"}


class ServingView:
    """Lines and progress for people. `show_log` streams the servers' own logs among them."""

    def __init__(self, *, show_log: bool) -> None:
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._out = Console(highlight=False, soft_wrap=True)
        self._show_log = show_log

    def say(self, text: str) -> None:
        self._err.print(escape(text))

    def refuse(self, text: str) -> None:
        self._err.print(f"[red]{escape(text)}[/]")

    def log(self, line: str) -> None:
        if self._show_log:
            self._err.print(f"[dim]{escape(line)}[/]")

    def prepared(self, server: Prepared, release: str) -> None:
        container = server.container
        self._err.print(
            f"[bold]{escape(server.name)}[/]: container of Deployment {escape(container.deployment)}"
            f" ({escape(container.image)}, release {escape(release)}), with these differences:"
        )
        for adaptation in server.command.adaptations:
            self._err.print(f"  {escape(adaptation.what)} [dim]({escape(adaptation.because)})[/]")
        for left_out in server.left_out:
            self._err.print(f"  without model {escape(left_out.model)} [dim]({escape(left_out.because)})[/]")

    @contextmanager
    def loading(self, running: Sequence[RunningTriton]) -> Generator[LoadingView]:
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._err,
            disable=not self._err.is_terminal,
        )
        with progress:
            yield LoadingView(self._err, progress, running)

    def answer(self, server: str, answer: Answer, *, on_output: bool) -> None:
        if on_output:
            line = f"[bold]{escape(answer.model)}[/]: {escape(answer.asked)} -> {escape(answer.answered)}"
            self._out.print(f"{line} [dim]({answer.milliseconds:.0f} ms)[/]")
        if answer.fault is not None:
            self.refuse(f"{server}/{answer.model}: {answer.fault}")

    def addresses(self, running: Sequence[RunningTriton]) -> None:
        for triton in running:
            ports = triton.prepared.ports
            self._err.print(
                f"[bold]{escape(triton.name)}[/] answers at http://127.0.0.1:{ports.http} (HTTP),"
                f" 127.0.0.1:{ports.grpc} (gRPC) and http://127.0.0.1:{ports.metrics}/metrics."
            )
        self._err.print("Ctrl-C drains it as the pod would be drained; once more, and it does not wait.")


class LoadingView:
    """Each model's state while the servers load: live on a terminal, a line for each change elsewhere."""

    def __init__(self, console: Console, progress: Progress, running: Sequence[RunningTriton]) -> None:
        self._console = console
        self._progress = progress
        self._running = running
        self._shown: dict[tuple[str, str], State | None] = {}
        self._tasks: dict[tuple[str, str], TaskID] = {}
        for triton in running:
            for model in triton.prepared.staging.served:
                self._shown[triton.name, model] = None
                self._tasks[triton.name, model] = progress.add_task(
                    f"{escape(triton.name)}/{escape(model)} waits", total=1
                )

    def update(self) -> None:
        for triton in self._running:
            for model, state in list(triton.loading.states.items()):
                key = (triton.name, model)
                if key in self._shown and self._shown[key] is not state:
                    self._shown[key] = state
                    self._show(key, state)

    def _show(self, key: tuple[str, str], state: State) -> None:
        text = f"{escape(key[0])}/{escape(key[1])} {_STATES[state]}"
        self._progress.update(self._tasks[key], description=text, completed=0 if state is State.LOADING else 1)
        if not self._console.is_terminal:
            self._console.print(text)
