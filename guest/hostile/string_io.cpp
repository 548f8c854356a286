// INS and OUTS, which the hypervisor carries out: registers, faults, and pages that lie next to
// each other for the guest alone.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/paging.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/abi/report.hpp>
#include <twofold/arch/exception.hpp>

#include <array>

namespace twofold::guest {

namespace {

constexpr std::uint16_t unused_port = 0x1234;
/// The UART's scratch register gives back what was written last.
constexpr std::uint16_t scratch_port = abi::console_port + 7;

void check_string_input(Checks& checks) {
    std::array<std::uint32_t, 2048> words{};
    void* to = words.data();
    std::uint64_t count = words.size() - 1;
    asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(unused_port) : "memory");
    checks.expect_value("REP INS counts RCX down", count, 0);
    checks.expect("REP INS moves RDI on", to == &words.back());
    checks.expect("REP INS fills the buffer", words[0] == ~0U && words[2046] == ~0U);
    checks.expect_value("REP INS fills nothing else", words[2047], 0);
    to = &words.back();
    count = 2;
    asm volatile("std; rep insl; cld" : "+D"(to), "+c"(count) : "d"(unused_port) : "memory", "cc");
    checks.expect("REP INS moves RDI down", to == &words[2045] && words[2047] == ~0U);
}

void check_string_output(Checks& checks) {
    std::string_view const text = "written upwards\n";
    char const* from = text.data();
    std::uint64_t count = text.size();
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(abi::console_port) : "memory");
    checks.expect("REP OUTS moves RSI on", from == text.data() + text.size() && count == 0);
    count = 0;
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(abi::console_port) : "memory");
    checks.expect("REP OUTS of nothing does nothing", from == text.data() + text.size());
    checks.expect_trap("OUTS from nowhere", attempt([] {
                           std::uint64_t nowhere = not_canonical;
                           asm volatile("outsb" : "+S"(nowhere) : "d"(unused_port) : "memory");
                       }),
                       13);
    checks.expect_trap("INS to nowhere", attempt([] {
                           std::uint64_t nowhere = not_canonical;
                           asm volatile("insb" : "+D"(nowhere) : "d"(unused_port) : "memory");
                       }),
                       13);
}

void input(std::uint64_t to, std::uint64_t count) {
    asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(unused_port) : "memory");
}

/// What the last byte out of `count` from `from` on was.
std::uint8_t output(std::uint64_t from, std::uint64_t count) {
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(scratch_port) : "memory");
    return read_port_8(scratch_port);
}

/// Two pages of which the second lies below the first in the guest's memory, so that whoever goes
/// on in the first one's frame meets another page; and above them nothing.
struct PagesOutOfOrder {
    std::uint8_t* first;
    std::uint8_t* second;
};

PagesOutOfOrder pages_out_of_order() {
    constexpr std::uint64_t bytes = page_4k.bytes();
    auto const frames = allocate_pages(3);
    auto const region = map_region(*frames, 2 * bytes, page_4k);
    std::array<std::uint64_t volatile*, 2> leaves{};
    for (unsigned i = 0; i < 2; ++i) {
        (void)walk_live(*region + i * bytes, [&](unsigned, Gpa at, std::uint64_t) {
            leaves[i] = reinterpret_cast<std::uint64_t volatile*>(at.value());
        });
    }
    std::uint64_t const lower = *leaves[0];
    *leaves[0] = *leaves[1];
    *leaves[1] = lower;
    for (unsigned i = 0; i < 2; ++i)
        invalidate_page(*region + i * bytes);
    auto* const first = reinterpret_cast<std::uint8_t*>(region->value());
    return {first, first + bytes};
}

void check_across_pages(Checks& checks, PagesOutOfOrder const& pages) {
    auto const end = reinterpret_cast<std::uint64_t>(pages.second);
    pages.second[-1] = 1;
    pages.second[1] = 2;
    checks.expect_value("REP OUTS goes on in the next page", output(end - 2, 4), 2);
    checks.expect_value("REP OUTS ends in the first page", output(end - 2, 2), 1);
    pages.second[2] = 0;
    pages.second[-3] = 0;
    input(end - 2, 1);
    checks.expect("INS of an element across two pages fills both",
                  pages.second[-2] == 0xff && pages.second[-1] == 0xff && pages.second[0] == 0xff &&
                      pages.second[1] == 0xff);
    checks.expect("and nothing beside it", pages.second[-3] == 0 && pages.second[2] == 0);
    input(end - 8, 4);
    checks.expect("REP INS goes on in the next page",
                  pages.second[-8] == 0xff && pages.second[7] == 0xff && pages.second[8] == 0);
}

/// An element that ends where nothing is mapped: the fault is there, and nothing has happened.
void check_half_mapped(Checks& checks, PagesOutOfOrder const& pages) {
    std::uint64_t const hole = reinterpret_cast<std::uint64_t>(pages.second) + page_4k.bytes();
    std::uint8_t& last = pages.second[page_4k.bytes() - 1];
    last = 7;
    auto trap = attempt([&] { input(hole - 1, 1); });
    checks.expect_trap("INS into a hole", trap, exception::page_fault, 2);
    checks.expect_value("the CR2 of INS", trap.cr2, hole);
    checks.expect_value("what lies before the hole", last, 7);
    trap = attempt([&] { (void)output(hole - 1, 2); });
    checks.expect_trap("REP OUTS into a hole", trap, exception::page_fault, 0);
    checks.expect_value("the CR2 of REP OUTS", trap.cr2, hole);
    checks.expect_value("what was written before the hole", read_port_8(scratch_port), 7);
}

} // namespace

int string_io(Arguments) {
    Checks checks;
    check_string_input(checks);
    check_string_output(checks);
    auto const pages = pages_out_of_order();
    check_across_pages(checks, pages);
    check_half_mapped(checks, pages);
    return checks.result();
}

} // namespace twofold::guest
