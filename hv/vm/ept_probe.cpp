#include "hv/vm/ept_probe.hpp"

#include "hv/device/serial_ports.hpp"
#include "hv/vm/guest.hpp"
#include "hv/vmx/instructions.hpp"
#include "hv/vmx/invalidate.hpp"

#include <twofold/abi/json_line.hpp>
#include <twofold/arch/vm_exit_reason.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace twofold::hv {

namespace {

using Entry = EptEntry;
using EptSlot = Slot<EptFormat<4>>;

constinit EptProbe probe{};

std::uint64_t number_of(auto value) { return static_cast<std::uint64_t>(value); }

/// Whatever a guest does to an entry, it must lead to the same memory, or be one that the processor
/// refuses.
bool may_change(EptFormat<4> const& format, EptSlot const& slot, std::uint64_t changed) {
    unsigned const level = slot.level;
    unsigned const lowest = format.leaf(slot.entry, level) ? 12 + 9 * (level - 1) : 12;
    bool const same_address = (changed & mask(format.physical_bits - 1, lowest)) == 0;
    bool const same_kind = (changed & Entry::large_page_bit) == 0 || level == 1 || level == 4;
    return same_address && same_kind;
}

/// The entry at `level` for `gpa`, on a path of the guest's own, with all that lead to the page
/// noted in `entries`.
std::expected<EptSlot, abi::HypercallError> private_entry(Guest& guest, Gpa gpa, unsigned level,
                                                          std::array<std::uint64_t, 4>& entries) {
    auto const own = guest.space.resolve({.gpa = gpa, .access = Access::write});
    if (!own) {
        return std::unexpected(own.error() == SpaceError::out_of_frames
                                   ? abi::HypercallError::out_of_frames
                                   : abi::HypercallError::bad_argument);
    }
    carry_out(own->duty, guest.ept_pointer);
    std::optional<EptSlot> wanted;
    entries = {};
    for (unsigned at = 4; at > 0; --at) {
        auto const slot =
            find_slot(guest.space.format(), guest.space.root(), gpa, at, guest.space.memory());
        if (!slot || slot->level != at) break;
        entries[4 - at] = slot->entry.word();
        if (at == level) wanted = *slot;
    }
    if (!wanted) return std::unexpected(abi::HypercallError::bad_argument);
    return *wanted;
}

bool refuse(Registers& registers, abi::HypercallError error) {
    registers.rax = number_of(error);
    return true;
}

/// The entry as it must be, with the bits that the processor has set in it meanwhile.
void restore(Guest& guest) {
    constexpr std::uint64_t by_processor = Entry::accessed_bit | Entry::dirty_bit;
    auto const now = guest.space.memory().read<std::uint64_t>(probe.slot);
    std::uint64_t const restored = probe.kept | (*now & by_processor);
    (void)guest.space.memory().write(probe.slot, restored);
    carry_out(duty_of_change(guest.space.format(), Entry{*now}, Entry{restored}, probe.level),
              guest.ept_pointer);
    probe.armed = false;
}

abi::ProbeOutcome outcome_of_exit() {
    auto const reason = static_cast<VmExitReason>(read_vmcs(VmcsField32::exit_reason) & 0xffff);
    bool const by_ept =
        reason == VmExitReason::ept_violation || reason == VmExitReason::ept_misconfiguration;
    if (by_ept) {
        probe.exit_gpa = Gpa{read_vmcs(VmcsField64::guest_physical_address)};
        if (probe.exit_gpa.aligned_down(4096) != probe.gpa) return abi::ProbeOutcome::disturbed;
        probe.answers_exit = true;
        if (reason == VmExitReason::ept_misconfiguration)
            return abi::ProbeOutcome::misconfiguration;
        probe.qualification = read_vmcs(VmcsFieldNatural::exit_qualification);
        return abi::ProbeOutcome::violation;
    }
    bool const asked = reason == VmExitReason::vmcall || reason == VmExitReason::io_instruction;
    return asked ? abi::ProbeOutcome::done : abi::ProbeOutcome::disturbed;
}

std::string_view name_of(abi::ProbedAccess access) {
    switch (access) {
    case abi::ProbedAccess::read: return "read";
    case abi::ProbedAccess::write: return "write";
    case abi::ProbedAccess::execute: return "execute";
    case abi::ProbedAccess::walk_read: return "walk_read";
    case abi::ProbedAccess::walk_update: return "walk_update";
    }
    return "";
}

std::string_view name_of(abi::ProbeOutcome outcome) {
    switch (outcome) {
    case abi::ProbeOutcome::done: return "done";
    case abi::ProbeOutcome::violation: return "violation";
    case abi::ProbeOutcome::misconfiguration: return "misconfiguration";
    case abi::ProbeOutcome::disturbed: return "disturbed";
    }
    return "";
}

void report_probe(Guest const& guest, std::string_view access) {
    constexpr std::array<std::string_view, 4> names{"pml4e", "pdpte", "pde", "pte"};
    constexpr std::uint64_t accessed_dirty_enable = bit(6);
    abi::JsonLine line{report};
    line("record", "ept_probe")("guest", guest.index)("gpa", abi::hex(probe.gpa))(
        "level", std::uint32_t{probe.level})("accessed_dirty",
                                             (guest.ept_pointer & accessed_dirty_enable) != 0)(
        "access", access)("outcome", name_of(probe.outcome));
    if (probe.outcome == abi::ProbeOutcome::violation)
        line("qualification", abi::hex(probe.qualification));
    if (probe.outcome != abi::ProbeOutcome::done) line("exit_gpa", abi::hex(probe.exit_gpa));
    auto entries = line.object("entries");
    for (std::size_t at = 0; at < names.size(); ++at)
        if (probe.entries[at] != 0 || at == 4U - probe.level)
            entries(names[at], abi::hex(probe.entries[at]));
}

} // namespace

bool probe_for(Guest& guest, Registers& registers) {
    if ((guest.record.flags & abi::GuestRecord::ept_probes) == 0)
        return refuse(registers, abi::HypercallError::not_allowed);
    Gpa const gpa = Gpa{registers.rdi}.aligned_down(4096);
    std::uint64_t const level = registers.rdi - gpa.value();
    if (level < 1 || level > 4) return refuse(registers, abi::HypercallError::bad_argument);

    std::array<std::uint64_t, 4> entries;
    auto const slot = private_entry(guest, gpa, static_cast<unsigned>(level), entries);
    if (!slot) return refuse(registers, slot.error());
    std::uint64_t const kept = slot->entry.word();
    std::uint64_t const changed = (kept & ~registers.rsi) | registers.rcx;
    if (!may_change(guest.space.format(), *slot, kept ^ changed))
        return refuse(registers, abi::HypercallError::bad_argument);

    probe = EptProbe{.owner = &guest,
                     .armed = true,
                     .level = static_cast<std::uint8_t>(level),
                     .gpa = gpa,
                     .slot = slot->address,
                     .kept = kept,
                     .entries = entries};
    probe.changed() = changed;
    (void)guest.space.memory().write(slot->address, changed);
    // Not what a duty asks for: the next access is to meet the entry itself, whatever was cached.
    invalidate_space(guest.ept_pointer);
    guest.time.look_after_next_exit();
    registers.rax = 0;
    return true;
}

bool probe_result_for(Guest& guest, Registers& registers) {
    if (probe.owner != &guest || !probe.has_result ||
        registers.rdi > number_of(abi::ProbedAccess::walk_update))
        return refuse(registers, abi::HypercallError::bad_argument);
    probe.has_result = false;
    if (probe.outcome != abi::ProbeOutcome::disturbed)
        report_probe(guest, name_of(static_cast<abi::ProbedAccess>(registers.rdi)));
    registers.rax = number_of(probe.outcome);
    return true;
}

void end_probe(Guest& guest) {
    if (!probe.armed || probe.owner != &guest) return;
    probe.outcome = outcome_of_exit();
    probe.has_result = true;
    restore(guest);
}

bool probe_answers_exit(Guest const& guest) {
    return probe.owner == &guest && std::exchange(probe.answers_exit, false);
}

void drop_probe(Guest& guest) {
    if (probe.owner != &guest) return;
    if (probe.armed) restore(guest);
    probe = {};
}

} // namespace twofold::hv
