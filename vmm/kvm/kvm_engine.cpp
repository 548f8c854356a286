#include "kvm/kvm_engine.hpp"

#include "engine/emulated_machine.hpp"
#include "kvm/logging_means.hpp"
#include "system/failure.hpp"

#include <twofold/load/pc_memory_map.hpp>

#include <fmt/format.h>
#include <malloc.h>

namespace twofold::vmm {

namespace {
/// The largest window of faults, twice.
constexpr std::uint64_t least_frames_limit = std::uint64_t{2} << 20;
/// What KVM_SET_USER_MEMORY_REGION takes: 2^31 - 1 pages.
constexpr std::uint64_t largest_slot = ((std::uint64_t{1} << 31) - 1) * page_4k.bytes();
} // namespace

void KvmEngine::check_clones(GuestPlan const& guest) const {
    bool const again = guest.clones != 0 || options_.runs > 1;
    if (!again) return;
    std::string_view const option = guest.clones != 0 ? "--clones" : "--repeat";
    if (options_.debugger)
        throw UsageError{fmt::format("{}: a debugger has one guest that runs once", option)};
    if (!options_.board.disk.file.empty())
        throw UsageError{fmt::format("{}: a guest with a disk can't be kept: its file would go on "
                                     "without it; leave --disk out",
                                     option)};
    if (guest.host_page != page_4k)
        throw UsageError{fmt::format("{}: under KVM what clones share is shared by pages of 4k; "
                                     "leave --host-page out",
                                     option)};
}

void KvmEngine::limit_frames(LaunchPlan const& plan) {
    auto const& memory = plan.memory;
    if (memory.overcommit_percent != 0)
        throw UsageError{"--overcommit: under KVM a guest is alone; it needs --engine bochs"};
    if (memory.frames_limit == 0 && memory.swap_bytes == 0) return;
    auto const& guest = plan.guests.front();
    if (memory.frames_limit == 0)
        throw UsageError{"--swap: under KVM pages leave a guest only under a --frames-limit"};
    if (options_.lazy_by != kvm::LazyBy::userfault)
        throw UsageError{"--frames-limit: under KVM it takes our own handler of faults; add "
                         "--lazy-by userfault"};
    if (memory.frames_limit < least_frames_limit)
        throw UsageError{fmt::format("--frames-limit: under KVM at least {} MiB, which one "
                                     "instruction and its page tables could need",
                                     least_frames_limit >> 20)};
    bool const own_pages =
        options_.host_memory.value_or(kvm::HostMemory::anonymous) == kvm::HostMemory::anonymous &&
        guest.host_page == page_4k;
    if (!own_pages || guest.populate == abi::Populate::eager)
        throw UsageError{"--frames-limit: under KVM it is for a guest of lazy, anonymous pages "
                         "of 4k; leave --host-memory, --host-page and --populate out"};
    options_.frame_limit =
        kvm::FrameLimit{memory.frames_limit / page_4k.bytes(), memory.swap_bytes};
}

void KvmEngine::keep_dirty_log(MemoryPlan const& memory) {
    if (memory.dirty_log == abi::DirtyLogging::off) return;
    auto const why_not = kvm::why_not_logged_by(memory.dirty_log, kvm::logging_means());
    if (!why_not.empty()) throw UsageError{"--dirty-log: " + why_not};
    options_.dirty_log = {memory.dirty_log, memory.dirty_log_every};
}

void KvmEngine::check_host_memory(GuestPlan const& guest) const {
    bool const reserved = options_.host_memory.value_or(kvm::host_memory_for(guest.host_page)) ==
                          kvm::HostMemory::hugetlbfs;
    if (reserved && options_.lazy_by == kvm::LazyBy::userfault)
        throw UsageError{"--lazy-by: userfault brings in pages of 4k, and hugetlbfs has none"};
    if (!options_.host_memory) return;
    using enum kvm::HostMemory;
    auto const kind = *options_.host_memory;
    bool const by_4k = kind == anonymous || kind == memfd;
    if (by_4k && guest.host_page != page_4k)
        throw UsageError{"--host-memory: anonymous and memfd have pages of 4k; leave --host-page "
                         "out, or take thp or hugetlbfs"};
    if (kind == thp && guest.host_page != page_2m)
        throw UsageError{"--host-memory: thp needs --host-page 2m"};
    if (kind == hugetlbfs && guest.host_page == page_4k)
        throw UsageError{"--host-memory: hugetlbfs needs --host-page 2m or 1g"};
}

std::uint64_t KvmEngine::machine_memory(LaunchPlan const& plan) const {
    std::uint64_t sum = 0;
    for (auto const& guest : plan.guests)
        sum += guest.memory_bytes;
    return sum;
}

std::unique_ptr<Run> KvmEngine::start(LaunchPlan const& plan, Sinks sinks, EventLoop& loop) {
    // A heap of its own for each of a guest's threads would cost more than they ever allocate.
    mallopt(M_ARENA_MAX, 1);
    // And growing the one that there is piece by piece costs calls.
    mallopt(M_TOP_PAD, 512 << 10);
    if (plan.native)
        throw UsageError{
            "--native needs an engine that emulates the bare processor: bochs or qemu"};
    if (plan.guests.size() != 1)
        throw UsageError{"--engine kvm runs one guest a process; start several processes"};
    if (plan.guests.front().memory_bytes > largest_slot)
        throw UsageError{fmt::format("--memory: KVM gives a guest at most {} MiB by one slot "
                                     "(2^31 - 1 pages)",
                                     largest_slot >> 20)};
    check_clones(plan.guests.front());
    check_host_memory(plan.guests.front());
    limit_frames(plan);
    keep_dirty_log(plan.memory);
    options_.may_merge = plan.memory.merge == MemoryPlan::Merge::offered;
    // Above are the interrupt controllers and the firmware's place.
    if (options_.board.pc && plan.guests.front().memory_bytes > pc::devices_begin)
        throw UsageError{fmt::format("--memory: a machine with --devices pc has at most {} MiB",
                                     pc::devices_begin >> 20)};
    if (plan.guests.front().populate == abi::Populate::eager)
        check_machine_memory(machine_memory(plan), ~std::uint64_t{0});
    return std::make_unique<kvm::GuestRun>(plan.guests.front(), options_, std::move(sinks), loop);
}

} // namespace twofold::vmm
