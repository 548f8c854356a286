// Exceptions.
#pragma once

#include <cstdint>

namespace twofold::guest {

/// What trap_entry.S leaves on the stack. A handler may change everything but the vector.
struct TrapFrame {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    std::uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    std::uint64_t vector;
    /// 0 where the processor gives none.
    std::uint64_t error_code;
    std::uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(TrapFrame) == 22 * 8);

/// What runs on an exception; when it returns, the guest goes on at the frame's rip.
using TrapHandler = void (*)(TrapFrame& frame);

/// Loads GDT, TSS and IDT. From here on an exception prints its name, rip, error code and CR2, and
/// ends the guest with 128 + vector. Page faults and double faults have stacks of their own.
void load_descriptor_tables();

/// `handler` takes `vector` from now on; nullptr: as after load_descriptor_tables.
void set_trap_handler(std::uint8_t vector, TrapHandler handler);

namespace selector {
inline constexpr std::uint16_t code = 0x08;
inline constexpr std::uint16_t data = 0x10;
inline constexpr std::uint16_t task_state = 0x18;
/// A 32-bit code segment: compatibility mode.
inline constexpr std::uint16_t code_32_bit = 0x28;
} // namespace selector

/// Places in the TSS's table of interrupt stacks, from 1; 0 keeps the stack.
enum class InterruptStack : std::uint8_t { none, page_fault, double_fault, spare };

/// Which stack `vector` is handled on.
void set_interrupt_stack(std::uint8_t vector, InterruptStack stack);
/// Where `stack` ends.
void place_interrupt_stack(InterruptStack stack, std::uint64_t end);

} // namespace twofold::guest
