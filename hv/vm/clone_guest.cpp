#include "hv/vm/clone_guest.hpp"

#include "hv/cpu/tick.hpp"
#include "hv/vmx/invalidate.hpp"
#include "hv/vmx/operation.hpp"
#include "hv/vmx/vmcs_contents.hpp"

#include <twofold/arch/ept_pointer.hpp>

#include <new>

namespace twofold::hv {

namespace {

/// The clone's VMCS becomes what the parent's is, which is the current one and stays that.
void copy_vmcs(VmxCapabilities const& capabilities, Guest& parent, Guest& clone) {
    VmcsContents contents;
    contents.read();
    (void)make_current_vmcs(capabilities, clone.vmcs);
    contents.write();
    write_vmcs(VmcsField64::ept_pointer, clone.ept_pointer);
    write_vmcs(VmcsField16::vpid, clone.vpid);
    invalidate_guest_mappings(clone.vpid);
    (void)vmptrld(parent.vmcs);
}

/// In its frame. The state of both guests is that of the processor at this moment.
Guest& construct(Guest const& parent, Registers const& registers, Space::Shared const& shared,
                 Scheduler::GuestFrames const& frames) {
    std::uint32_t const index = parent.scheduler.take_clone_number();
    std::uint64_t const ept_pointer =
        ept_pointer_for(parent.scheduler.host().capabilities, parent.record, shared.root);
    return *new (at<void>(frames.guest)) Guest{.scheduler = parent.scheduler,
                                               .index = index,
                                               .name = parent.name,
                                               .record = parent.record,
                                               .vmcs = frames.vmcs,
                                               .space = Space{parent.space, shared},
                                               .ept_pointer = ept_pointer,
                                               .vpid = vpid_of(index),
                                               .physical_bits = parent.physical_bits,
                                               .time = parent.time,
                                               .parent = parent.index,
                                               .registers = registers,
                                               .processor = ProcessorState::saved(),
                                               .uart = parent.uart,
                                               .misc_enable = parent.misc_enable,
                                               .apic_base = parent.apic_base,
                                               .cr8 = parent.cr8};
}

std::expected<std::uint32_t, SpaceError> try_to_clone(Guest& parent, Registers const& registers,
                                                      std::uint64_t result) {
    Scheduler& scheduler = parent.scheduler;
    auto const frames = scheduler.allocate_guest();
    if (!frames) return std::unexpected(frames.error());
    auto const shared = parent.space.share();
    if (!shared) {
        scheduler.free_guest(*frames);
        return std::unexpected(shared.error());
    }
    carry_out(shared->duty, parent.ept_pointer);
    scheduler.switch_to(parent); // which has not run yet, if it is not there already
    std::uint64_t const now = read_ticks();

    Guest& clone = construct(parent, registers, *shared, *frames);
    clone.registers.rax = result;
    bool const runs = parent.turns != 0;
    if (runs) clone.time.ticks_left = parent.time.left(now);
    copy_vmcs(scheduler.host().capabilities, parent, clone);
    scheduler.add(clone);
    parent.console.share(parent.index);
    if (runs) {
        parent.time.shorten_turn(now);
        parent.time.set_timer(now);
    }
    return clone.index;
}

[[gnu::noinline, gnu::cold]] std::expected<std::uint32_t, SpaceError>
clone_by_policy(Guest& parent, Registers const& registers, std::uint64_t result) {
    return parent.scheduler.add_by_policy(parent,
                                          [&] { return try_to_clone(parent, registers, result); });
}

} // namespace

std::uint64_t ept_pointer_for(VmxCapabilities const& capabilities, abi::GuestRecord const& record,
                              Hpa root) {
    bool const accessed_dirty = (record.flags & abi::GuestRecord::no_accessed_dirty) == 0 &&
                                capabilities.has_ept(ept_capability::accessed_dirty);
    return ept_pointer(root, 4, accessed_dirty);
}

std::uint16_t vpid_of(std::uint32_t index) {
    return static_cast<std::uint16_t>(index % 0xffff + 1); // 0 is the hypervisor's
}

std::expected<std::uint32_t, SpaceError> clone_guest(Guest& parent, Registers const& registers,
                                                     std::uint64_t result) {
    if (parent.scheduler.host().policy != nullptr)
        return clone_by_policy(parent, registers, result);
    auto const clone = try_to_clone(parent, registers, result);
    if (clone || !parent.scheduler.can_find_frames(clone.error())) return clone;
    return try_to_clone(parent, registers, result);
}

} // namespace twofold::hv
