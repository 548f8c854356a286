// What guests ask for (abi/hypercall.hpp), by either door.
#include "hv/vm/clone_guest.hpp"
#include "hv/vm/exit_handlers.hpp"
#include "hv/vm/guest_access.hpp"
#include "hv/vm/guest_paging.hpp"
#include "hv/vm/guest_report.hpp"
#include "hv/vmx/invalidate.hpp"

#include <twofold/abi/hypercall.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace twofold::hv {

namespace {

constexpr std::uint64_t longest_name = 64;

bool refuse(Registers& registers, abi::HypercallError error) {
    registers.rax = static_cast<std::uint64_t>(error);
    return true;
}

abi::HypercallError error_of(SpaceError error) {
    switch (error) {
    case SpaceError::outside_memory: return abi::HypercallError::bad_argument;
    case SpaceError::over_committed: return abi::HypercallError::over_committed;
    default: return abi::HypercallError::out_of_frames;
    }
}

bool exit_guest(Guest& guest, Registers const& registers) {
    return guest.end("exit", static_cast<std::uint8_t>(std::min<std::uint64_t>(registers.rdi, 255)),
                     "");
}

bool walk_for(Guest& guest, Registers& registers) {
    ReferenceList references;
    Gva const gva{registers.rdi};
    auto const result = walk_guest(guest, gva, references);
    report_walk(guest.index, gva, paging_mode(guest), references, result);
    registers.rax = references.all().size();
    guest.time.look_after_next_exit();
    return true;
}

bool is_name(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    });
}

bool take_figure(Guest& guest, Registers& registers) {
    std::uint64_t const length = registers.rsi;
    if (length == 0 || length > longest_name)
        return refuse(registers, abi::HypercallError::bad_argument);
    std::array<char, longest_name> text{};
    auto const bytes = std::as_writable_bytes(std::span{text}).first(length);
    std::string_view const name{text.data(), length};
    if (!read_guest(guest, Gva{registers.rdi}, bytes) || !is_name(name)) {
        return refuse(registers, abi::HypercallError::bad_argument);
    }
    report_figure(guest.index, name, registers.rcx);
    registers.rax = 0;
    return true;
}

bool clone_for(Guest& guest, Registers& registers) {
    // The clone is made without a log, but with what the parent's VMCS holds.
    ProcessorLogPause const pause{guest};
    auto const clone = clone_guest(guest, registers, 0);
    if (!clone) return refuse(registers, error_of(clone.error()));
    registers.rax = *clone;
    return true;
}

/// A guest whose time is over has a timer that ends its next turn at once.
bool yield_for(Guest& guest, Registers& registers) {
    registers.rax = 0;
    if (!guest.scheduler.others_wait() && !guest.scheduler.uses_idle_time()) return true;
    guest.yielded = true;
    guest.registers = registers;
    return false;
}

/// The balloon. What a try has released stays so when the next one goes over it again.
bool release_for(Guest& guest, Registers& registers) {
    Gpa const from{registers.rdi};
    std::uint64_t const pages = registers.rsi;
    if (!from.is_aligned(page_4k.bytes()) || pages == 0 || pages > abi::most_released_pages)
        return refuse(registers, abi::HypercallError::bad_argument);
    std::uint64_t released = 0;
    std::optional<SpaceError> error;
    do {
        Released const done = guest.space.release(from, pages * page_4k.bytes());
        carry_out(done.duty, guest.ept_pointer);
        released += done.pages;
        error = done.error;
    } while (error && guest.scheduler.can_find_frames(*error));
    guest.time.look_after_next_exit();
    if (error) return refuse(registers, error_of(*error));
    registers.rax = released;
    return true;
}

bool resize_pages_for(Guest& guest, Registers& registers) {
    if ((guest.record.flags & abi::GuestRecord::ept_probes) == 0)
        return refuse(registers, abi::HypercallError::not_allowed);
    Gpa const gpa{registers.rdi};
    std::uint64_t const shift = registers.rsi;
    guest.time.look_after_next_exit();
    registers.rax = 0;
    if (shift == page_4k.shift()) {
        auto const split = guest.scheduler.with_frames([&] { return guest.space.split(gpa); });
        if (!split) return refuse(registers, error_of(split.error()));
        carry_out(*split, guest.ept_pointer);
        return true;
    }
    if (shift != page_2m.shift() && shift != page_1g.shift())
        return refuse(registers, abi::HypercallError::bad_argument);
    auto const promoted = guest.space.promote(gpa, PageSize{static_cast<unsigned>(shift)});
    if (!promoted)
        return refuse(registers, promoted.error() == PromoteRefusal::out_of_frames
                                     ? abi::HypercallError::out_of_frames
                                     : abi::HypercallError::bad_argument);
    carry_out(promoted->duty, guest.ept_pointer);
    return true;
}

} // namespace

bool handle_hypercall(Guest& guest, Registers& registers) {
    switch (static_cast<abi::Hypercall>(registers.rax)) {
    case abi::Hypercall::nothing: registers.rax = 0; return true;
    case abi::Hypercall::exit: return exit_guest(guest, registers);
    case abi::Hypercall::walk: return walk_for(guest, registers);
    case abi::Hypercall::figure: return take_figure(guest, registers);
    case abi::Hypercall::clone: return clone_for(guest, registers);
    case abi::Hypercall::number: registers.rax = guest.index; return true;
    case abi::Hypercall::yield: return yield_for(guest, registers);
    case abi::Hypercall::release: return release_for(guest, registers);
    case abi::Hypercall::resize_pages: return resize_pages_for(guest, registers);
    case abi::Hypercall::probe: return probe_for(guest, registers);
    case abi::Hypercall::log_dirty: return log_dirty_for(guest, registers);
    case abi::Hypercall::collect_dirty: return collect_dirty_for(guest, registers);
    case abi::Hypercall::merge: return merge_for(guest, registers);
    case abi::Hypercall::working_set: return working_set_for(guest, registers);
    case abi::Hypercall::leaves: return leaves_for(guest, registers);
    case abi::Hypercall::probe_result: return probe_result_for(guest, registers);
    case abi::Hypercall::console: break; // REP OUTSB is one exit here
    }
    return refuse(registers, abi::HypercallError::unknown_number);
}

} // namespace twofold::hv
