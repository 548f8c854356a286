#include "kvm/guest_breakpoints.hpp"

#include <twofold/arch/bits.hpp>
#include <twofold/arch/exception.hpp>

#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

namespace twofold::vmm::kvm {

namespace {

constexpr std::byte int3{0xcc};

/// "Debug Status Register (DR6)": bits 0 to 3 name the breakpoints whose condition was met.
constexpr std::uint64_t dr6_hit(std::size_t number) { return bit(static_cast<unsigned>(number)); }

/// "Debug Control Register (DR7)": bit 10 is always 1; bit 9, GE; bit 1 of each pair enables its
/// breakpoint globally. From bit 16 on, four bits each: R/W, then LEN.
constexpr std::uint64_t dr7_always = bit(10) | bit(9);

constexpr std::uint64_t dr7_condition(BreakpointKind kind) {
    switch (kind) {
    case BreakpointKind::write: return 1;
    case BreakpointKind::access: return 3;
    default: return 0;
    }
}

constexpr std::uint64_t dr7_length(std::uint64_t bytes) { return bytes == 8 ? 2 : bytes - 1; }

constexpr std::uint64_t dr7_of(std::size_t number, BreakpointKind kind, std::uint64_t bytes) {
    return bit(static_cast<unsigned>(2 * number + 1)) |
           (dr7_condition(kind) | dr7_length(bytes) << 2) << (16 + 4 * number);
}

} // namespace

/// A debug register watches bytes whose number is a power of two, up to 8, and divides the address.
std::vector<GuestBreakpoints::Part> GuestBreakpoints::parts_of(Breakpoint const& breakpoint) {
    std::vector<Part> parts;
    for (std::uint64_t done = 0; done < breakpoint.bytes;) {
        std::uint64_t bytes = 8;
        Gva const at = breakpoint.gva + done;
        while (bytes > breakpoint.bytes - done || !at.is_aligned(bytes))
            bytes /= 2;
        parts.push_back({breakpoint, at, bytes});
        if (parts.size() > debug_registers) break; // which is more than there can be
        done += bytes;
    }
    return parts;
}

bool GuestBreakpoints::set_in_registers(std::vector<Part> const& parts) {
    auto const free = std::ranges::count(in_registers_, false, &std::optional<Part>::has_value);
    if (std::ssize(parts) > free) return false;
    auto part = parts.begin();
    for (auto& place : in_registers_)
        if (!place && part != parts.end()) place = *part++;
    return true;
}

bool GuestBreakpoints::set(Breakpoint const& breakpoint, std::optional<Gpa> gpa) {
    if (set_in_registers(parts_of(breakpoint))) return true;
    std::array<std::byte, 1> original{};
    if (breakpoint.kind != BreakpointKind::software || !in_memory_ || !gpa ||
        !ram_.read(*gpa, original) || !ram_.write(*gpa, {&int3, 1}))
        return false;
    covered_.emplace(breakpoint, InMemory{*gpa, original[0]});
    return true;
}

bool GuestBreakpoints::remove(Breakpoint const& breakpoint) {
    bool found = false;
    for (auto& place : in_registers_) {
        if (!place || place->whole != breakpoint) continue;
        place.reset();
        found = true;
    }
    auto const covered = covered_.find(breakpoint);
    if (covered == covered_.end()) return found;
    InMemory const place = covered->second;
    covered_.erase(covered);
    return ram_.write(place.gpa, {&place.original, 1}).has_value();
}

void GuestBreakpoints::remove_all() {
    in_registers_ = {};
    while (!covered_.empty())
        (void)remove(Breakpoint{covered_.begin()->first});
}

void GuestBreakpoints::hide(Gpa gpa, std::span<std::byte> bytes) const {
    for (auto const& [key, place] : covered_)
        if (place.gpa >= gpa && place.gpa < gpa + bytes.size())
            bytes[place.gpa.value() - gpa.value()] = place.original;
}

void GuestBreakpoints::cover(Gpa gpa, std::span<std::byte> bytes) {
    for (auto& [key, place] : covered_)
        if (place.gpa >= gpa && place.gpa < gpa + bytes.size())
            place.original = std::exchange(bytes[place.gpa.value() - gpa.value()], int3);
}

std::optional<Breakpoint> GuestBreakpoints::hit_by(kvm_debug_exit_arch const& exit) const {
    if (exit.exception == exception::breakpoint) {
        auto const here = std::ranges::find_if(
            covered_, [&](auto const& one) { return one.first.gva.value() == exit.pc; });
        return here == covered_.end() ? std::nullopt : std::optional{here->first};
    }
    for (std::size_t n = 0; n < in_registers_.size(); ++n)
        if (in_registers_[n] && (exit.dr6 & dr6_hit(n)) != 0) return in_registers_[n]->whole;
    return std::nullopt;
}

bool GuestBreakpoints::apply(Processor& processor, Going going) const {
    kvm_guest_debug debug{};
    debug.control = KVM_GUESTDBG_ENABLE | (going.step ? KVM_GUESTDBG_SINGLESTEP : 0U) |
                    (going.deliver_int3 ? KVM_GUESTDBG_INJECT_BP : 0U) |
                    (covered_.empty() ? 0U : KVM_GUESTDBG_USE_SW_BP);
    for (std::size_t n = 0; n < in_registers_.size(); ++n) {
        if (!in_registers_[n]) continue;
        auto const& part = *in_registers_[n];
        debug.control |= KVM_GUESTDBG_USE_HW_BP;
        debug.arch.debugreg[n] = part.gva.value();
        debug.arch.debugreg[7] |= dr7_of(n, part.whole.kind, part.bytes) | dr7_always;
    }
    return ioctl(processor.get(), KVM_SET_GUEST_DEBUG, &debug) == 0;
}

} // namespace twofold::vmm::kvm
