#include "kvm/kvm_engine.hpp"

#include "engine/emulated_machine.hpp"
#include "system/failure.hpp"

#include <twofold/load/pc_memory_map.hpp>

#include <fmt/format.h>
#include <malloc.h>

namespace twofold::vmm {

std::uint64_t KvmEngine::machine_memory(LaunchPlan const& plan) const {
    std::uint64_t sum = 0;
    for (auto const& guest : plan.guests)
        sum += guest.memory_bytes;
    return sum;
}

std::unique_ptr<Run> KvmEngine::start(LaunchPlan const& plan, Sinks sinks, EventLoop& loop) {
    // A heap of its own for each of a guest's threads would cost more than they ever allocate.
    mallopt(M_ARENA_MAX, 1);
    if (plan.native)
        throw UsageError{
            "--native needs an engine that emulates the bare processor: bochs or qemu"};
    if (plan.guests.size() != 1)
        throw UsageError{"--engine kvm runs one guest a process; start several processes"};
    if (plan.guests.front().clones != 0)
        throw UsageError{"--clones: --engine kvm makes none; take --engine bochs, or restore one "
                         "snapshot several times"};
    if (options_.debugger && options_.board.processors != 1)
        throw UsageError{"--gdb: a debugger has guests of one processor; leave --cpus out"};
    // Above are the interrupt controllers and the firmware's place.
    if (options_.board.pc && plan.guests.front().memory_bytes > pc::devices_begin)
        throw UsageError{fmt::format("--memory: a machine with --devices pc has at most {} MiB",
                                     pc::devices_begin >> 20)};
    if (plan.guests.front().populate == abi::Populate::eager)
        check_machine_memory(machine_memory(plan), ~std::uint64_t{0});
    return std::make_unique<kvm::GuestRun>(plan.guests.front(), options_, std::move(sinks), loop);
}

} // namespace twofold::vmm
