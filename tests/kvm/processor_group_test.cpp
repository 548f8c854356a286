#include "bench/touch_loop.hpp"
#include "kvm/empty_machine.hpp"
#include "kvm/processor_group.hpp"
#include "kvm/processor_state.hpp"
#include "tests/catch.hpp"
#include "tests/support/without_kvm.hpp"

#include <chrono>
#include <deque>
#include <future>
#include <string>
#include <utility>
#include <vector>

namespace processor_group_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

namespace {

/// A guest that touches its pages and halts.
struct HaltingGuest {
    kvm::Device device;
    kvm::CpuidTable cpuid = device.supported_cpuid();
    kvm::GuestRam ram = kvm::GuestRam::zeroed(TouchLoop::memory_bytes, page_4k);
    kvm::Machine machine{device};
    std::deque<kvm::Processor> processors;
    kvm::GuestServices services;
    kvm::Board board{{}, ram, [](std::string_view) {}};

    HaltingGuest() {
        TouchLoop::load(ram.bytes());
        machine.set_slot(0, Gpa{}, ram.bytes());
        processors.emplace_back(device, machine, 0, &cpuid);
        put_at_start();
    }
    void put_at_start() {
        auto& processor = processors.front();
        write_state(processor,
                    TouchLoop::entry_state(read_state(device, processor, state_msrs(device))));
    }
};

} // namespace

TEST_CASE("a guest that is told to stop between two of its runs ends by what it was told") {
    if (without_kvm()) return;
    HaltingGuest guest;
    std::vector<std::pair<std::string, bool>> asked;
    std::promise<void> ended;
    {
        kvm::ProcessorGroup group{guest.processors, guest.ram, guest.services, guest.board};
        group.start([] {},
                    [&](kvm::Stop const& stop, bool for_good) {
                        asked.emplace_back(stop.reason, for_good);
                        if (asked.size() == 2) group.request_stop({"time_limit", 1, "told"});
                        if (for_good) ended.set_value();
                        if (!for_good) guest.put_at_start();
                        return true;
                    });
        REQUIRE(ended.get_future().wait_for(std::chrono::seconds{30}) == std::future_status::ready);
    }
    std::vector<std::pair<std::string, bool>> const expected{
        {"halt", false}, {"halt", false}, {"time_limit", true}};
    CHECK(asked == expected);
}

} // namespace processor_group_test
