#include "catch.hpp"

#include <twofold/arch/ept_pointer.hpp>
#include <twofold/arch/paging_format.hpp>

#include <random>

namespace paging_format_test {

using namespace twofold;

namespace {

using X86 = X86Format<Gva, Gpa, 4>;
using Ept = EptFormat<4>;

template <class Format>
bool well_formed(Format const& format, std::uint64_t word, unsigned level) {
    return format.malformed(typename Format::Entry{static_cast<typename Format::Word>(word)},
                            level) == 0;
}

} // namespace

TEST_CASE("a page size is one of the processor's, or none") {
    CHECK(PageSize::of_bytes(4096) == page_4k);
    CHECK(PageSize::of_bytes(std::uint64_t{1} << 30) == page_1g);
    CHECK_FALSE(PageSize::of_bytes(8192));
    CHECK_FALSE(PageSize::of_bytes(0));
    CHECK(pages_for(0, page_4k) == 0);
    CHECK(pages_for(4097, page_4k) == 2);
    CHECK(pages_for(~std::uint64_t{0}, page_4k) == std::uint64_t{1} << 52);
}

TEST_CASE("each level is indexed by the bits that the manual's figure shows") {
    Gva const gva{0x0000'fedc'ba98'7654};
    CHECK(X86::index(gva, 4) == field(gva.value(), 47, 39));
    CHECK(X86::index(gva, 3) == field(gva.value(), 38, 30));
    CHECK(X86::index(gva, 2) == field(gva.value(), 29, 21));
    CHECK(X86::index(gva, 1) == field(gva.value(), 20, 12));
    CHECK(X86Format<Gva, Gpa, 5>::index(Gva{std::uint64_t{0x1ff} << 48}, 5) == 0x1ff);
    CHECK(X86Format32<Gva, Gpa>::index(gva, 2) == field(gva.value(), 31, 22));
    CHECK(X86PaeFormat<Gva, Gpa>::index(gva, 2) == field(gva.value(), 29, 21));
}

TEST_CASE("an EPT entry that can be written but not read is misconfigured at every level") {
    for (unsigned level = 1; level <= 4; ++level) {
        CHECK_FALSE(well_formed(Ept{}, 0x2, level));
        CHECK_FALSE(well_formed(Ept{}, 0x6, level));
        CHECK(well_formed(Ept{}, 0x1, level));
        CHECK(well_formed(Ept{}, 0x3, level));
        CHECK(well_formed(Ept{}, 0x5, level));
        CHECK(well_formed(Ept{}, 0x7, level));
    }
}

TEST_CASE("execute-only EPT is misconfigured exactly where the processor lacks it") {
    Ept without;
    without.execute_only = false;
    CHECK(well_formed(Ept{}, 0x4, 1));
    CHECK_FALSE(well_formed(without, 0x4, 1));
}

TEST_CASE("reserved memory types misconfigure EPT leaves, and the others do not") {
    for (std::uint64_t type = 0; type < 8; ++type) {
        CAPTURE(type);
        bool const reserved = type == 2 || type == 3 || type == 7;
        CHECK(well_formed(Ept{}, 0x7 | type << 3, 1) == !reserved);
        CHECK(well_formed(Ept{}, 0x87 | type << 3, 2) == !reserved);
    }
}

TEST_CASE("the reserved bits of each EPT level misconfigure it") {
    for (unsigned position = 3; position <= 7; ++position) {
        CAPTURE(position);
        CHECK_FALSE(well_formed(Ept{}, 0x7 | bit(position), 4));
        CHECK(well_formed(Ept{}, 0x7 | bit(position), 3) == (position == 7));
        CHECK(well_formed(Ept{}, 0x7 | bit(position), 2) == (position == 7));
    }
    CHECK_FALSE(well_formed(Ept{}, 0x87 | bit(12), 2));
    CHECK(well_formed(Ept{}, 0x87 | bit(21), 2));
    CHECK_FALSE(well_formed(Ept{}, 0x87 | bit(29), 3));
    CHECK(well_formed(Ept{}, 0x87 | bit(30), 3));
}

TEST_CASE("a large EPT leaf is misconfigured where the processor lacks its size") {
    Ept without;
    without.pages_1g = false;
    CHECK(without.malformed(EptEntry{0x87}, 3) == EptEntry::large_page_bit);
    CHECK(well_formed(without, 0x87, 2));
    without.pages_2m = false;
    CHECK_FALSE(well_formed(without, 0x87, 2));
}

TEST_CASE("an address beyond the physical width is reserved in either dimension") {
    Ept ept;
    ept.physical_bits = 40;
    X86 x86;
    x86.physical_bits = 40;
    for (unsigned level = 1; level <= 4; ++level) {
        CHECK(ept.malformed(EptEntry{0x7 | bit(40)}, level) == bit(40));
        CHECK(x86.malformed(X86Entry{0x1 | bit(51)}, level) == bit(51));
        CHECK(well_formed(x86, 0x1 | bit(39), level));
    }
}

TEST_CASE("execute-disable is reserved without EFER.NXE") {
    X86 without;
    without.execute_disable = false;
    CHECK(without.malformed(X86Entry{bit(63) | 1}, 1) == bit(63));
    CHECK(well_formed(X86{}, bit(63) | 1, 1));
}

TEST_CASE("large x86 leaves keep their low address bits clear, but bit 12, which is PAT") {
    CHECK(well_formed(X86{}, 0x81 | bit(12), 2));
    CHECK_FALSE(well_formed(X86{}, 0x81 | bit(13), 2));
    CHECK_FALSE(well_formed(X86{}, 0x81 | bit(29), 3));
    CHECK_FALSE(well_formed(X86{}, 0x81, 4));
    X86 without;
    without.pages_1g = false;
    CHECK_FALSE(well_formed(without, 0x81, 3));
}

TEST_CASE("PAE entries reserve bits 62:52") {
    X86PaeFormat<Gva, Gpa> const pae{};
    CHECK_FALSE(well_formed(pae, 0x1 | bit(52), 1));
    CHECK_FALSE(well_formed(pae, 0x1 | bit(62), 2));
    CHECK(well_formed(pae, 0x1 | bit(63), 1));
}

TEST_CASE("bit 7 of a 32-bit PDE counts only with CR4.PSE") {
    X86Format32<Gva, Gpa> format;
    CHECK(format.leaf(X86Entry32{0x81}, 2));
    format.page_size_extension = false;
    CHECK_FALSE(format.leaf(X86Entry32{0x81}, 2));
}

TEST_CASE("entries say back what they were made of") {
    for (Permissions wanted : {read_only, read_write, read_execute, read_write_execute}) {
        auto const ept = EptEntry::to_frame(0x4000'0000, 3, wanted);
        CHECK(ept.permissions().write == wanted.write);
        CHECK(ept.permissions().execute == wanted.execute);
        CHECK(ept.frame(page_1g) == 0x4000'0000);
        CHECK(ept.leaf(3));
        auto const x86 = X86Entry::to_frame(0x5000, 1, wanted);
        CHECK(x86.permissions().write == wanted.write);
        CHECK(x86.permissions().execute == wanted.execute);
        CHECK_FALSE(x86.permissions().user);
        CHECK(x86.frame(page_4k) == 0x5000);
    }
}

namespace {

/// Random words, most of them near to usual entries. Returns how many were usual.
template <class Format>
unsigned check_usual(Format const& format, std::uint64_t near, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    unsigned usual = 0;
    for (unsigned i = 0; i < 20'000; ++i) {
        std::uint64_t word = near | (random() & mask(35, 12));
        for (unsigned flips = static_cast<unsigned>(random() % 4); flips-- > 0;)
            word ^= bit(static_cast<unsigned>(random() % 64));
        typename Format::Entry const entry{static_cast<typename Format::Word>(word)};
        for (unsigned level = 1; level <= Format::levels; ++level) {
            if (!format.usual(entry, level)) continue;
            ++usual;
            if (!entry.present() || format.malformed(entry, level) != 0 ||
                entry.permissions() != Permissions::all() ||
                format.leaf(entry, level) != (level == 1))
                FAIL("word " << word << " passes for usual at level " << level);
        }
    }
    return usual;
}

} // namespace

TEST_CASE("a usual entry is present, well formed, forbids nothing and goes on") {
    for (unsigned const physical_bits : {36U, 40U, 52U}) {
        for (bool const flag : {false, true}) {
            X86 x86;
            x86.physical_bits = physical_bits;
            x86.execute_disable = x86.pages_1g = flag;
            CHECK(check_usual(x86, 7, 1) > 10'000);
            X86PaeFormat<Gva, Gpa> pae;
            pae.physical_bits = physical_bits;
            pae.execute_disable = flag;
            CHECK(check_usual(pae, 7, 2) > 5'000);
            Ept ept;
            ept.physical_bits = physical_bits;
            ept.execute_only = ept.pages_2m = ept.pages_1g = flag;
            CHECK(check_usual(ept, 7, 3) > 10'000);
            CHECK(check_usual(ept, 0x37, 4) > 4'000);
        }
    }
    CHECK(check_usual(X86Format32<Gva, Gpa>{}, 7, 5) == 0); // no shortcut there
}

TEST_CASE("an EPT pointer holds levels less one, the memory type of the walk, and whether A and D "
          "bits are on") {
    CHECK(ept_pointer(Hpa{0x5000}, 4, false) == 0x501e);
    CHECK(ept_pointer(Hpa{0x5000}, 5, true) == 0x5066);
}

} // namespace paging_format_test
