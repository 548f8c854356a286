// Instructions that a guest has no business with.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/arch/exception.hpp>

namespace twofold::guest {

namespace {

struct Instruction {
    std::string_view name;
    void (*execute)();
};

alignas(4096) constinit std::uint64_t region[512]{};
constinit std::uint64_t pointer = 0;

constexpr Instruction vmx[] = {
    {"VMXON", [] { asm volatile("vmxon %0"
                                :
                                : "m"(pointer)
                                : "cc", "memory"); }},
    {"VMXOFF", [] { asm volatile("vmxoff"
                                 :
                                 :
                                 : "cc", "memory"); }},
    {"VMCLEAR", [] { asm volatile("vmclear %0"
                                  :
                                  : "m"(pointer)
                                  : "cc", "memory"); }},
    {"VMPTRLD", [] { asm volatile("vmptrld %0"
                                  :
                                  : "m"(pointer)
                                  : "cc", "memory"); }},
    {"VMPTRST", [] { asm volatile("vmptrst %0"
                                  :
                                  : "m"(pointer)
                                  : "cc", "memory"); }},
    {"VMREAD", [] { asm volatile("vmread %0, %0"
                                 :
                                 : "r"(0x681eUL)
                                 : "cc", "memory"); }},
    {"VMWRITE", [] { asm volatile("vmwrite %0, %0"
                                  :
                                  : "r"(0x681eUL)
                                  : "cc", "memory"); }},
    {"VMLAUNCH", [] { asm volatile("vmlaunch"
                                   :
                                   :
                                   : "cc", "memory"); }},
    {"VMRESUME", [] { asm volatile("vmresume"
                                   :
                                   :
                                   : "cc", "memory"); }},
    {"VMFUNC", [] { asm volatile("vmfunc"
                                 :
                                 : "a"(0), "c"(0)
                                 : "cc", "memory"); }},
    {"INVEPT", [] { asm volatile("invept %0, %1"
                                 :
                                 : "m"(region), "r"(2UL)
                                 : "cc", "memory"); }},
    {"INVVPID", [] { asm volatile("invvpid %0, %1"
                                  :
                                  : "m"(region), "r"(2UL)
                                  : "cc", "memory"); }},
};

constexpr Instruction undefined[] = {
    {"MONITOR", [] { asm volatile("monitor"
                                  :
                                  : "a"(region), "c"(0), "d"(0)); }},
    {"MWAIT", [] { asm volatile("mwait"
                                :
                                : "a"(0), "c"(0)); }},
    {"RSM", [] { asm volatile("rsm"
                              :
                              :
                              : "memory"); }},
    {"XSETBV", [] { asm volatile("xsetbv"
                                 :
                                 : "a"(3), "c"(0), "d"(0)); }},
    {"XGETBV", [] { asm volatile("xgetbv"
                                 :
                                 : "c"(0)
                                 : "eax", "edx"); }},
    {"GETSEC", [] { asm volatile("getsec"
                                 :
                                 : "a"(0)
                                 : "ebx", "memory"); }},
    {"RDTSCP", [] { asm volatile("rdtscp"
                                 :
                                 :
                                 : "eax", "ecx", "edx"); }},
    {"INVPCID", [] { asm volatile("invpcid %0, %1"
                                  :
                                  : "m"(region), "r"(0UL)
                                  : "memory"); }},
    {"XSAVES", [] { asm volatile("xsaves64 %0"
                                 : "+m"(region)
                                 : "a"(1), "d"(0)); }},
    {"XRSTORS", [] { asm volatile("xrstors64 %0"
                                  : "+m"(region)
                                  : "a"(1), "d"(0)); }},
};

constexpr Instruction harmless[] = {
    {"INVD", [] { asm volatile("invd"
                               :
                               :
                               : "memory"); }},
    {"WBINVD", [] { asm volatile("wbinvd"
                                 :
                                 :
                                 : "memory"); }},
    {"INVLPG", [] { invalidate_page(Gva{0x40'0000}); }},
    {"INVLPG of nowhere", [] { invalidate_page(Gva{not_canonical}); }},
    {"PAUSE", [] { asm volatile("pause"); }},
    {"VMCALL of nothing", [] { asm volatile("vmcall"
                                            :
                                            : "a"(0)
                                            : "memory"); }},
};

template <std::size_t Count>
void expect_undefined(Checks& checks, Instruction const (&instructions)[Count]) {
    for (auto const& instruction : instructions)
        checks.expect_trap(instruction.name, attempt(instruction.execute),
                           exception::invalid_opcode);
}

} // namespace

int vmx_instructions(Arguments) {
    Checks checks;
    pointer = reinterpret_cast<std::uint64_t>(region);
    checks.expect_value("VMX is not announced", cpuid(1).ecx >> 5 & 1, 0);
    expect_undefined(checks, vmx);
    return checks.result();
}

int instructions(Arguments) {
    Checks checks;
    expect_undefined(checks, undefined);
    checks.expect_trap("RDPMC", attempt([] {
                           asm volatile("rdpmc" : : "c"(0) : "eax", "edx");
                       }),
                       13);
    std::uint64_t volatile kept = 0x1122'3344'5566'7788;
    for (auto const& instruction : harmless)
        checks.expect_none(instruction.name, attempt(instruction.execute));
    checks.expect_value("memory after INVD", kept, 0x1122'3344'5566'7788);
    return checks.result();
}

} // namespace twofold::guest
