#include "kvm/crash_text.hpp"

#include "kvm/disassembly.hpp"
#include "kvm/guest_view.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace twofold::vmm::kvm {

namespace {

std::string instruction_at(std::uint64_t rip, kvm_sregs const& special, GuestRam const& ram) {
    std::array<std::byte, 15> bytes{}; // the longest instruction
    std::size_t length = 0;
    GuestView const view{special, ram};
    while (length < bytes.size() &&
           view.read(Gva{rip} + length, std::span{bytes}.subspan(length, 1)))
        ++length;
    if (length == 0) return "not mapped";
    std::string text;
    for (auto const byte : std::span{bytes}.first(length))
        text += fmt::format("{}{:02x}", text.empty() ? "" : " ", std::to_integer<unsigned>(byte));
    auto const words = instruction_text(std::span{bytes}.first(length), rip);
    return words.empty() ? text : fmt::format("{} ({})", text, words);
}

std::string registers_text(kvm_regs const& r, kvm_sregs const& s) {
    return fmt::format(
        "rax {:x} rbx {:x} rcx {:x} rdx {:x} rsi {:x} rdi {:x} rsp {:x} rbp {:x} r8 {:x} r9 {:x} "
        "r10 {:x} r11 {:x} r12 {:x} r13 {:x} r14 {:x} r15 {:x} rflags {:x} cr0 {:x} cr2 {:x} "
        "cr3 {:x} cr4 {:x} efer {:x}",
        r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rsp, r.rbp, r.r8, r.r9, r.r10, r.r11, r.r12,
        r.r13, r.r14, r.r15, r.rflags, s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
}

} // namespace

std::string_view internal_error_reason(std::uint32_t suberror, Paging host) {
    switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        return host == Paging::software
                   ? "it cannot emulate an instruction; this host has no VT-x or AMD-V for KVM, "
                     "which runs all of ring 0 by emulation: vector and some newer instructions "
                     "are missing there"
                   : "it cannot emulate an instruction; it emulates those that reach for a device "
                     "or for memory that is not there, and modes that the processor can't "
                     "virtualize";
    case KVM_INTERNAL_ERROR_SIMUL_EX: return "exceptions while an exception was delivered";
    case KVM_INTERNAL_ERROR_DELIVERY_EV: return "an event could not be delivered";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: return "an exit that it does not know";
    default: return "an internal error";
    }
}

std::string internal_error_text(Processor const& processor, GuestRam const& ram, Paging host) {
    auto const registers = processor.registers();
    auto const special = processor.special_registers();
    auto const suberror = processor.shared().internal.suberror;
    return fmt::format("KVM stopped (suberror {}): {}; instruction at {:#x}: {}; {}", suberror,
                       internal_error_reason(suberror, host), registers.rip,
                       instruction_at(registers.rip, special, ram),
                       registers_text(registers, special));
}

} // namespace twofold::vmm::kvm
