#include "hv/vm/run_bundle.hpp"

#include "hv/cpu/cpuid.hpp"
#include "hv/cpu/panic.hpp"
#include "hv/cpu/physical_memory.hpp"
#include "hv/cpu/port.hpp"
#include "hv/device/tick_rate.hpp"
#include "hv/report.hpp"
#include "hv/vm/launch_dirty_log.hpp"
#include "hv/vm/launch_guest.hpp"
#include "hv/vm/memory_policy.hpp"
#include "hv/vmx/capabilities.hpp"
#include "hv/vmx/invalidate.hpp"
#include "hv/vmx/operation.hpp"

#include <twofold/memory/frame_pool.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <span>

namespace twofold::hv {

namespace {

/// Storage for the one pool; nothing has constructors that run by themselves.
alignas(FramePool) constinit std::byte pool_storage[sizeof(FramePool)]{};

/// In the same way.
constinit ZeroedStock stock{};

PageSize largest_leaf(Bundle const& bundle) {
    PageSize largest = page_4k;
    for (std::uint32_t index = 0; index < bundle.guest_count(); ++index) {
        largest = std::max(largest, PageSize{bundle.guest(index).host_page_shift});
    }
    return largest;
}

Hpa take(EarlyMemory& memory, std::uint64_t bytes) {
    auto const taken = memory.allocate(bytes);
    if (!taken)
        stop_with_error("below 4 GiB there is no memory left for the hypervisor's own tables");
    return *taken;
}

/// A pool of the memory that is left, of no more than `limit` bytes unless that is 0, with its
/// metadata in a part of it.
FramePool& make_pool(EarlyMemory& memory, std::uint64_t limit) {
    auto const ranges = memory.left().all();
    std::uint64_t const frames = ranges.empty() ? 0 : ranges.back().end.value() >> 12;
    std::uint64_t const bytes = FrameMetadata::bytes_for(frames);
    std::span const storage{at<std::byte>(take(memory, bytes)), bytes};
    auto* const pool = new (pool_storage) FramePool{FrameMetadata::in(storage, frames), 0};
    std::uint64_t left = limit != 0 ? limit : ~std::uint64_t{0};
    for (MemoryRange const& range : memory.left().all()) {
        std::uint64_t const bytes_taken = std::min(range.bytes(), left);
        pool->add(range.begin, range.begin + bytes_taken);
        left -= bytes_taken;
    }
    report_frames_of(*pool);
    return *pool;
}

/// The hypervisor polls its devices: with every line masked at the interrupt controllers, guests
/// are never left for a device's sake.
void mask_interrupts() {
    constexpr std::uint8_t all_lines = 0xff;
    write_port(0x21, all_lines);
    write_port(0xa1, all_lines);
}

/// CPUID.7.0:EBX: BMI2.
bool has_shifts_without_flags() { return cpuid(0).eax >= 7 && (cpuid(7).ebx & bit(8)) != 0; }

bool wants_upkeep(abi::MemoryRecord const& memory) {
    return (memory.flags & abi::MemoryRecord::upkeep_flags) != 0;
}

bool is_stated(abi::MemoryRecord const& memory) { return memory.limits() || wants_upkeep(memory); }

bool starts_with_the_one_before(Bundle const& bundle, std::uint32_t index) {
    return index < bundle.guest_count() &&
           (bundle.guest(index).flags & abi::GuestRecord::together) != 0;
}

} // namespace

void run_bundle(Machine& machine, Bundle const& bundle) {
    mask_interrupts();
    abi::MemoryRecord const& memory = bundle.memory();
    std::optional<SwapSpace> swap;
    // It needs nothing of the processor, so that it is seen to work where guests can't run, too.
    if (memory.swap_bytes != 0) swap = find_swap_space(machine.free, memory.swap_bytes);
    auto const capabilities = find_capabilities(largest_leaf(bundle));
    if (!capabilities) return;
    Hpa const region = take(machine.free, 4096);
    MergeStorage merge_storage;
    if ((memory.flags & abi::MemoryRecord::merge_offered) != 0)
        merge_storage = find_merge_storage(machine.free);
    FramePool& pool = make_pool(machine.free, memory.frames_limit);
    if (!enter_vmx_operation(*capabilities, region)) stop_with_error("the processor refused VMXON");

    std::uint64_t const told = bundle.ticks_per_second();
    turn_vector_unit_on();
    HostMemory::has_shifts_without_flags = has_shifts_without_flags();
    invalidate_all_spaces();
    std::optional<MemoryPolicy> policy;
    bool const large_pages =
        largest_leaf(bundle) > page_4k || (memory.flags & abi::MemoryRecord::promote) != 0;
    if (is_stated(memory)) policy.emplace(pool, memory, swap ? &*swap : nullptr, large_pages);
    std::optional<Upkeep> upkeep;
    if (wants_upkeep(memory)) upkeep.emplace(policy->spaces(), pool, memory, merge_storage);
    Host const host{machine,
                    *capabilities,
                    pool,
                    stock,
                    told != 0 ? told : measure_ticks_per_second(),
                    memory,
                    policy ? &*policy : nullptr,
                    upkeep ? &*upkeep : nullptr};
    require_dirty_logging(host);
    Scheduler scheduler{host, bundle.guest_count()};
    for (std::uint32_t index = 0; index < bundle.guest_count();) {
        do {
            launch_guest(scheduler, bundle, index++);
        } while (starts_with_the_one_before(bundle, index));
        scheduler.run();
    }
    if (upkeep) upkeep->end();
    if (policy) policy->end();
    scheduler.audit(); // by now nothing may have a reference
    if (policy) policy->report(upkeep ? &*upkeep : nullptr);
    leave_vmx_operation();
}

} // namespace twofold::hv
