#include "kvm/guest_breakpoints.hpp"

#include <twofold/arch/bits.hpp>

#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

namespace twofold::vmm::kvm {

namespace {

constexpr std::byte int3{0xcc};
/// "Debug Control Register (DR7)": bit 10 is always 1; bit 9, GE; bit 1 of each pair enables its
/// breakpoint globally. R/W and LEN of 0 are an instruction's execution.
constexpr std::uint64_t dr7_always = bit(10) | bit(9);
constexpr std::uint64_t dr7_enabled(std::size_t number) {
    return bit(static_cast<unsigned>(2 * number + 1));
}

} // namespace

bool GuestBreakpoints::set(BreakpointKind kind, Gva gva, std::optional<Gpa> gpa) {
    if (auto* const free = std::ranges::find_if(
            in_registers_, [](auto const& taken) { return !taken.has_value(); });
        free != in_registers_.end()) {
        *free = Key{kind, gva};
        return true;
    }
    std::array<std::byte, 1> original{};
    if (kind != BreakpointKind::software || !in_memory_ || !gpa || !ram_.read(*gpa, original) ||
        !ram_.write(*gpa, {&int3, 1}))
        return false;
    covered_.emplace(Key{kind, gva}, InMemory{*gpa, original[0]});
    return true;
}

bool GuestBreakpoints::remove(BreakpointKind kind, Gva gva) {
    if (auto* const taken = std::ranges::find(in_registers_, std::optional{Key{kind, gva}});
        taken != in_registers_.end()) {
        taken->reset();
        return true;
    }
    auto const covered = covered_.find(Key{kind, gva});
    if (covered == covered_.end()) return false;
    InMemory const place = covered->second;
    covered_.erase(covered);
    return ram_.write(place.gpa, {&place.original, 1}).has_value();
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

bool GuestBreakpoints::apply(Processor& processor, bool step) const {
    kvm_guest_debug debug{};
    debug.control = KVM_GUESTDBG_ENABLE | (step ? KVM_GUESTDBG_SINGLESTEP : 0U) |
                    (covered_.empty() ? 0U : KVM_GUESTDBG_USE_SW_BP);
    for (std::size_t n = 0; n < in_registers_.size(); ++n) {
        if (!in_registers_[n]) continue;
        debug.control |= KVM_GUESTDBG_USE_HW_BP;
        debug.arch.debugreg[n] = in_registers_[n]->second.value();
        debug.arch.debugreg[7] |= dr7_enabled(n) | dr7_always;
    }
    return ioctl(processor.get(), KVM_SET_GUEST_DEBUG, &debug) == 0;
}

} // namespace twofold::vmm::kvm
