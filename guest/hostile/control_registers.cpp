// Values that control registers refuse, and some that they take.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/arch/control_register.hpp>

namespace twofold::guest {

namespace {

std::uint64_t read_cr0() {
    std::uint64_t value;
    asm volatile("movq %%cr0, %0" : "=r"(value) : : "memory");
    return value;
}
std::uint64_t read_cr4() {
    std::uint64_t value;
    asm volatile("movq %%cr4, %0" : "=r"(value) : : "memory");
    return value;
}
std::uint64_t read_cr8() {
    std::uint64_t value;
    asm volatile("movq %%cr8, %0" : "=r"(value) : : "memory");
    return value;
}
void write_cr0(std::uint64_t value) { asm volatile("movq %0, %%cr0" : : "r"(value) : "memory"); }
void write_cr3(std::uint64_t value) { asm volatile("movq %0, %%cr3" : : "r"(value) : "memory"); }
void write_cr4(std::uint64_t value) { asm volatile("movq %0, %%cr4" : : "r"(value) : "memory"); }
void write_cr8(std::uint64_t value) { asm volatile("movq %0, %%cr8" : : "r"(value) : "memory"); }

void check_cr0(Checks& checks) {
    std::uint64_t const before = read_cr0();
    auto const refused = [&](std::string_view what, std::uint64_t value) {
        checks.expect_trap(what, attempt([&] { write_cr0(value); }), 13);
        checks.expect_value(what, read_cr0(), before);
    };
    refused("CR0 with an upper bit", before | bit(32));
    refused("CR0 with PG and without PE", before & ~cr0::protection_enable);
    refused("CR0 with NW and without CD", before | cr0::not_write_through);
    refused("CR0 without PG in 64-bit code", before & ~cr0::paging);
    refused("CR0 without PG and NE in 64-bit code", before & ~cr0::paging & ~cr0::numeric_error);

    std::uint64_t const taken = (before | cr0::cache_disable | cr0::task_switched) &
                                ~cr0::numeric_error & ~cr0::write_protect;
    checks.expect_none("CR0 with CD and TS", attempt([&] { write_cr0(taken); }));
    checks.expect_value("CR0 as it was written", read_cr0(), taken);
    asm volatile("clts");
    checks.expect_value("CR0 after CLTS", read_cr0(), taken & ~cr0::task_switched);
    asm volatile("lmsw %w0" : : "r"(0x000e));
    checks.expect_value("LMSW sets MP, EM and TS and cannot clear PE", read_cr0() & 0xf, 0xf);
    write_cr0(before);
    checks.expect_value("CR0 as before", read_cr0(), before);
}

void check_cr4(Checks& checks) {
    std::uint64_t const before = read_cr4();
    for (unsigned position = 0; position < 64; ++position) {
        std::uint64_t const value = before ^ bit(position);
        Trap const trap = attempt([&] { write_cr4(value); });
        if (trap.vector == Trap::none) {
            checks.expect_value("CR4 as it was written", read_cr4(), value);
            write_cr4(before);
        } else {
            checks.expect_trap("a bit of CR4 can be changed or gives #GP(0)", trap, 13);
        }
        checks.expect_value("CR4 as before", read_cr4(), before);
    }
    for (std::uint64_t const hidden :
         {cr4::vmx_enable, cr4::smx_enable, cr4::linear_addresses_57,
          cr4::process_context_identifiers, cr4::os_xsave, cr4::protection_keys}) {
        checks.expect_trap("a bit of CR4 that CPUID does not announce",
                           attempt([&] { write_cr4(before | hidden); }), 13);
    }
    checks.expect_trap("CR4 without PAE in 64-bit mode",
                       attempt([&] { write_cr4(before & ~cr4::physical_address_extension); }), 13);
}

} // namespace

int control_registers(Arguments) {
    Checks checks;
    check_cr0(checks);
    check_cr4(checks);
    std::uint64_t const cr3 = read_cr3();
    for (unsigned position = cpuid(0x8000'0008).eax & 0xff; position < 63; ++position) {
        checks.expect_trap("CR3 beyond the physical addresses",
                           attempt([&] { write_cr3(cr3 | bit(position)); }), 13);
    }
    checks.expect_value("CR3 as before", read_cr3(), cr3);
    for (std::uint64_t const priority : {0U, 9U, 15U}) {
        write_cr8(priority);
        checks.expect_value("CR8 as it was written", read_cr8(), priority);
    }
    checks.expect_trap("CR8 above 15", attempt([] { write_cr8(16); }), 13);
    checks.expect_value("CR8 as before", read_cr8(), 15);
    return checks.result();
}

} // namespace twofold::guest
