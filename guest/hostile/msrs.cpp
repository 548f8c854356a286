// Every model-specific register: read, written with nonsense, and those that exist with sense.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/kit/console.hpp"

#include <twofold/arch/msr.hpp>

namespace twofold::guest {

namespace {

struct Range {
    std::uint32_t begin;
    std::uint32_t end;
};
/// Where processors and hypervisors have theirs, and some where nobody has.
constexpr Range ranges[] = {{0, 0x2000},
                            {0x4000'0000, 0x4000'0200},
                            {0x8000'0000, 0x8000'0100},
                            {0xc000'0000, 0xc000'2000},
                            {0xc001'0000, 0xc001'0200},
                            {0xffff'ff00, 0xffff'ffff}};

std::uint64_t read(std::uint32_t number) {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number) : "memory");
    return std::uint64_t{high} << 32 | low;
}
void write(std::uint32_t number, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(number), "a"(static_cast<std::uint32_t>(value)), "d"(value >> 32)
                 : "memory");
}
std::uint64_t read(Msr number) { return read(static_cast<std::uint32_t>(number)); }
void write(Msr number, std::uint64_t value) { write(static_cast<std::uint32_t>(number), value); }

struct Counts {
    unsigned exist = 0;
    unsigned refused = 0;
    unsigned strange = 0;
};

template <class Access>
Counts access_all(Access&& access) {
    Counts counts;
    for (auto const [begin, end] : ranges) {
        for (std::uint32_t number = begin; number != end; ++number) {
            Trap const trap = attempt([&] { access(number); });
            if (trap.vector == Trap::none) {
                ++counts.exist;
            } else if (trap.vector == 13 && trap.error_code == 0) {
                ++counts.refused;
            } else {
                ++counts.strange;
            }
        }
    }
    return counts;
}

void check_all(Checks& checks) {
    Counts const read_counts = access_all([](std::uint32_t number) { (void)read(number); });
    print(read_counts.exist, " MSRs exist, ", read_counts.refused, " do not\n");
    checks.expect("an MSR can be read or gives #GP(0)", read_counts.strange == 0);
    checks.expect("most do not exist", read_counts.exist > 10 && read_counts.exist < 30);
    // A value that is not canonical, no memory type, and all reserved bits.
    Counts const write_counts =
        access_all([](std::uint32_t number) { write(number, 0xdead'beef'dead'beef); });
    checks.expect("an MSR can be written or gives #GP(0)", write_counts.strange == 0);
}

void check_kept(Checks& checks, std::string_view what, Msr number, std::uint64_t value) {
    checks.expect_none(what, attempt([&] { write(number, value); }));
    checks.expect_value(what, read(number), value);
}

void check_refused(Checks& checks, std::string_view what, Msr number, std::uint64_t value) {
    std::uint64_t const before = read(number);
    checks.expect_trap(what, attempt([&] { write(number, value); }), 13);
    checks.expect_value(what, read(number), before);
}

} // namespace

int msrs(Arguments) {
    Checks checks;
    check_all(checks);
    check_kept(checks, "LSTAR", Msr::lstar, 0xffff'8000'0000'1000);
    check_kept(checks, "KERNEL_GS_BASE", Msr::kernel_gs_base, 0x7fff'ffff'f000);
    check_kept(checks, "FS_BASE", Msr::fs_base, 0x1234'5000);
    check_kept(checks, "SYSENTER_EIP", Msr::sysenter_eip, 0x40'0000);
    check_kept(checks, "PAT", Msr::pat, 0x0007'0406'0007'0406);
    for (Msr const number : {Msr::lstar, Msr::cstar, Msr::fs_base, Msr::gs_base,
                             Msr::kernel_gs_base, Msr::sysenter_esp, Msr::sysenter_eip})
        check_refused(checks, "an address that is not canonical", number, not_canonical);
    check_refused(checks, "PAT of a type that there is not", Msr::pat, 2);
    check_refused(checks, "EFER without LME while paging is on", Msr::efer, 0);
    check_refused(checks, "EFER with a reserved bit", Msr::efer, read(Msr::efer) | 1U << 1);
    write(Msr::time_stamp_counter, 0);
    std::uint64_t const now = read(Msr::time_stamp_counter);
    checks.expect("the time stamp counter goes on from what was written", now < 100'000);
    return checks.result();
}

} // namespace twofold::guest
