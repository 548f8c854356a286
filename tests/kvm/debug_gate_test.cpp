#include "kvm/debug_gate.hpp"
#include "tests/catch.hpp"

#include <poll.h>

#include <array>
#include <thread>
#include <vector>

namespace debug_gate_test {

using namespace twofold::vmm;
using namespace twofold::vmm::kvm;

namespace {

constexpr std::array some_run{ResumeKind::run, ResumeKind::stay, ResumeKind::step};

/// Three processors, of which the first and the last run.
struct Gate {
    Gate() { gate.open(some_run); }
    [[nodiscard]] bool told() {
        pollfd told{gate.descriptor(), POLLIN, 0};
        return ::poll(&told, 1, 0) == 1;
    }
    void wait_until_told() {
        pollfd told{gate.descriptor(), POLLIN, 0};
        REQUIRE(::poll(&told, 1, 10'000) == 1);
    }

    std::vector<std::size_t> kicked;
    DebugGate gate{some_run.size(), [this](std::size_t processor) { kicked.push_back(processor); }};
};

} // namespace

TEST_CASE("who interrupts kicks each processor that runs, once, and is told when all stand") {
    Gate all;
    all.gate.interrupt();
    CHECK(all.kicked == std::vector<std::size_t>{0, 2});
    all.gate.interrupt();
    CHECK(all.kicked.size() == 2);
    std::jthread const first{[&] { all.gate.stand_if_told(0); }};
    CHECK_FALSE(all.told()); // whether the first stands by now or not
    std::jthread const last{[&] { all.gate.stand_if_told(2); }};
    all.wait_until_told();
    auto const events = all.gate.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].reason == DebugStop::Reason::interrupted);
    CHECK_FALSE(all.told());
    all.gate.open(some_run); // or nobody would come home
}

TEST_CASE("a processor that comes to something kicks the others that run, and not itself") {
    Gate all;
    std::jthread const first{
        [&] { all.gate.stop({.reason = DebugStop::Reason::trap, .processor = 0}); }};
    // As the thread does whose processor is kicked out of its guest.
    std::jthread const last{[&](std::stop_token const& over) {
        while (!over.stop_requested())
            all.gate.stand_if_told(2);
    }};
    all.wait_until_told();
    CHECK(all.kicked == std::vector<std::size_t>{2});
    CHECK(all.gate.take_events().at(0).processor == 0);
    all.gate.abandon();
}

} // namespace debug_gate_test
