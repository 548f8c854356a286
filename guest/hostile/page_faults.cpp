// Page faults of each kind, by the guest's own tables; none of them is the hypervisor's business.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/paging.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/abi/report.hpp>
#include <twofold/arch/exception.hpp>

namespace twofold::guest {

namespace {

std::uint64_t volatile& word_at(std::uint64_t address) {
    return *reinterpret_cast<std::uint64_t volatile*>(address);
}

void read(std::uint64_t address) { (void)*reinterpret_cast<std::uint8_t volatile*>(address); }

void check(Checks& checks, std::string_view what, Trap const& trap, std::uint64_t address,
           std::uint64_t code) {
    checks.expect_trap(what, trap, exception::page_fault, code);
    checks.expect_value("the page fault's CR2", trap.cr2, address);
}

/// The leaf entry that maps `address`.
std::uint64_t volatile* leaf_of(std::uint64_t address) {
    std::uint64_t volatile* leaf = nullptr;
    (void)walk_live(Gva{address}, [&](unsigned, Gpa at, std::uint64_t) {
        leaf = pointer_to<std::uint64_t volatile>(at);
    });
    return leaf;
}

/// REP OUTSB and INSB, which the hypervisor carries out, meet the same page faults.
void check_string_io(Checks& checks, std::uint64_t address, std::uint64_t code) {
    check(checks, "OUTSB from the page", attempt([&] {
              std::uint64_t from = address;
              asm volatile("outsb" : "+S"(from) : "d"(abi::console_port) : "memory");
          }),
          address, code);
    check(checks, "INSB to the page", attempt([&] {
              std::uint64_t to = address;
              asm volatile("insb" : "+D"(to) : "d"(abi::console_port) : "memory");
          }),
          address, code | 2);
}

} // namespace

int page_faults(Arguments) {
    Checks checks;
    auto const frame = allocate_pages(1);
    auto const region = map_region(*frame, page_4k.bytes(), page_4k);
    std::uint64_t const page = region->value();
    std::uint64_t const hole = page + page_4k.bytes();

    check(checks, "a read of a hole", attempt([&] { read(hole); }), hole, 0);
    check(checks, "a write to a hole", attempt([&] { word_at(hole) = 1; }), hole, 2);
    check(checks, "a fetch from a hole", attempt([&] { reinterpret_cast<void (*)()>(hole)(); }),
          hole, 16);
    check(checks, "a fetch from data", attempt([&] { reinterpret_cast<void (*)()>(page)(); }), page,
          17);
    check_string_io(checks, hole, 0);

    std::uint64_t volatile& leaf = *leaf_of(page);
    leaf = leaf & ~X86Entry::writable_bit;
    invalidate_page(Gva{page});
    check(checks, "a write to what is read-only", attempt([&] { word_at(page) = 1; }), page, 3);
    leaf = leaf | bit(51);
    invalidate_page(Gva{page});
    check(checks, "a reserved bit", attempt([&] { read(page); }), page, 9);
    check_string_io(checks, page, 9);
    return checks.result();
}

} // namespace twofold::guest
