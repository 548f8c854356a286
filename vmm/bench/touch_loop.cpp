#include "bench/touch_loop.hpp"

#include <twofold/arch/control_register.hpp>

#include <cstring>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t touch_code_at = 0x1000;

constexpr unsigned char touch_code[] = {
    0xc6, 0x07, 0x01,                   // again: movb $1, (%edi)
    0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, //        addl $4096, %edi
    0x39, 0xf7,                         //        cmpl %esi, %edi
    0x72, 0xf3,                         //        jb again
    0xf4,                               //        hlt
};

constexpr kvm_segment flat_32(std::uint16_t selector, std::uint8_t type) {
    return {.base = 0,
            .limit = 0xffff'ffff,
            .selector = selector,
            .type = type,
            .present = 1,
            .dpl = 0,
            .db = 1,
            .s = 1,
            .l = 0,
            .g = 1,
            .avl = 0,
            .unusable = 0,
            .padding = 0};
}

} // namespace

void TouchLoop::load(std::span<std::byte> memory) {
    std::memcpy(memory.data() + touch_code_at, touch_code, sizeof touch_code);
}

kvm::ProcessorState TouchLoop::entry_state(kvm::ProcessorState fresh) {
    fresh.special.cs = flat_32(0x08, 11);
    fresh.special.ds = fresh.special.es = fresh.special.ss = flat_32(0x10, 3);
    fresh.special.fs = fresh.special.gs = flat_32(0x10, 3);
    fresh.special.cr0 = cr0::protection_enable | cr0::extension_type | cr0::numeric_error;
    fresh.special.cr3 = fresh.special.cr4 = fresh.special.efer = 0;
    fresh.registers = {};
    fresh.registers.rip = touch_code_at;
    fresh.registers.rdi = first_page;
    fresh.registers.rsi = memory_bytes;
    fresh.registers.rflags = 2;
    return fresh;
}

} // namespace twofold::vmm
