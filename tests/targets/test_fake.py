"""The fake targets keep the contract, but for the faults that some of them have on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Phase
from mlmagic.errors import TargetUnavailable, Unschedulable
from mlmagic.targets.fake import FakeTarget
from mlmagic.targets.faulty_fakes import AwayTarget, FlappingTarget, ForgetfulTarget, SlowTarget
from tests.targets.contract import TargetContract

pytestmark = pytest.mark.together


class FakeContract(TargetContract):
    target_name = "fake"
    answers = False


class TestFake(FakeContract):
    pass


class TestSlow(FakeContract):
    @pytest.fixture
    def target(self) -> SlowTarget:
        return SlowTarget(seconds=0.001, startup_seconds=0.02)

    def test_a_new_service_is_starting_first(self, target: SlowTarget, launch: Callable[..., Any]) -> None:
        target.startup_seconds = 60
        _, handle = launch()
        assert target.observe(handle).phase is Phase.STARTING


class TestFlapping(FakeContract):
    @pytest.fixture
    def target(self) -> FlappingTarget:
        return FlappingTarget()

    def test_every_second_observation_is_unknown(
        self, target: FlappingTarget, launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        phases = [target.observe(handle).phase for _ in range(4)]
        assert phases == [Phase.RUNNING, Phase.UNKNOWN] * 2


class TestAway(FakeContract):
    """The rest of the contract is tested with one that stays; this one refuses calls besides."""

    @pytest.fixture
    def target(self) -> AwayTarget:
        return AwayTarget(calls=0)

    def test_it_refuses_every_method_until_it_is_back(
        self, target: AwayTarget, launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch()
        calls: list[Callable[[], object]] = [
            target.check,
            lambda: target.validate(DeploymentConfig("fake")),
            lambda: target.launch(spec, print),
            lambda: target.find(spec),
            lambda: target.observe(handle),
            lambda: target.stop(handle),
            lambda: list(target.logs(handle)),
            lambda: target.reload(handle),
            lambda: target.log_size(handle),
            lambda: target.usage(handle),
            lambda: target.limited_by(DeploymentConfig("fake")),
            lambda: target.scale(handle, 2),
        ]
        target.leave(len(calls))
        for call in calls:
            with pytest.raises(TargetUnavailable, match="is away"):
                call()
        assert not target.is_away
        assert target.observe(handle).phase is Phase.RUNNING

    def test_it_is_away_after_a_launch_and_at_the_first_stop(
        self, target: AwayTarget, launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        target.calls = 1
        with pytest.raises(TargetUnavailable):
            target.stop(handle)
        target.stop(handle)
        assert target.observe(handle).ended
        launch()
        with pytest.raises(TargetUnavailable):
            target.check()
        target.calls = 0

    def test_it_can_refuse_some_methods_alone(self, target: AwayTarget, launch: Callable[..., Any]) -> None:
        _, handle = launch()
        target.leave(1, only=["stop"])
        target.check()
        with pytest.raises(TargetUnavailable):
            target.stop(handle)


class TestForgetful(FakeContract):
    """The rest of the contract is tested with one that has a better memory."""

    @pytest.fixture
    def target(self) -> ForgetfulTarget:
        return ForgetfulTarget(after=1000)

    def test_the_first_service_is_gone_and_the_next_one_stays(
        self, target: ForgetfulTarget, launch: Callable[..., Any]
    ) -> None:
        target.after = 2
        spec, handle = launch()
        assert [target.observe(handle).phase for _ in range(3)] == [Phase.RUNNING, Phase.GONE, Phase.GONE]
        assert target.has_forgotten
        assert target.find(spec) is None
        again = target.launch(spec, print)
        assert [target.observe(again).phase for _ in range(3)] == [Phase.RUNNING] * 3


def test_its_attributes_make_it_fail() -> None:
    fake = FakeTarget()
    fake.available = False
    with pytest.raises(TargetUnavailable, match="is off"):
        fake.check()
    with pytest.raises(Unschedulable, match="2000 GB"):
        fake.validate(DeploymentConfig("fake", memory_gb=2000))
