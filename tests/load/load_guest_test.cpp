#include "catch.hpp"
#include "support/elf_file.hpp"
#include "support/flat_guest_memory.hpp"

#include <twofold/load/load_guest.hpp>
#include <twofold/paging/walk.hpp>

#include <string>
#include <vector>

namespace load_guest_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1 << 30;

std::vector<std::byte> const file =
    ElfFile{{{0x40'0000, bytes_of(100, 1), 100}, {0x40'1000, bytes_of(60, 7), 0x2345}}}.bytes();
ElfImage const image = *parse_elf(file);

GuestOptions options_for(std::uint64_t memory_bytes, PageSize page = page_4k) {
    return {.memory_bytes = memory_bytes, .guest_page = page, .command_line = {"walk\0-n", 7}};
}

template <class T>
std::vector<std::byte> copy(std::span<T> bytes) {
    return {bytes.begin(), bytes.end()};
}

/// Walks a guest's tables in its own memory.
struct Tables {
    using Error = FlatMemoryError;
    FlatGuestMemory& memory;

    template <class Word>
    std::expected<Word, Error> read(Gpa gpa) {
        return memory.get<Word>(gpa);
    }
};

} // namespace

TEST_CASE("segments lie where they were linked to, zeros behind them") {
    FlatGuestMemory memory{8 * mib};
    REQUIRE(load_guest(image, options_for(8 * mib), memory));
    CHECK(copy(memory.at(Gpa{0x40'0000}, 100)) == bytes_of(100, 1));
    CHECK(copy(memory.at(Gpa{0x40'1000}, 60)) == bytes_of(60, 7));
    CHECK(copy(memory.at(Gpa{0x40'1000 + 60}, 0x2345 - 60)) ==
          std::vector<std::byte>(0x2345 - 60, std::byte{0}));
}

TEST_CASE("launch information, command line and tables follow the image without a gap") {
    FlatGuestMemory memory{8 * mib};
    auto const options = options_for(8 * mib, page_2m);
    auto const layout = load_guest(image, options, memory);
    REQUIRE(layout);
    CHECK(layout->entry == Gpa{0x40'0000});
    CHECK(layout->launch_info == Gpa{0x40'4000});
    CHECK(layout->cr3 == Gpa{0x40'5000});
    CHECK(layout->tables == 3);
    CHECK(layout->free_begin == Gpa{0x40'8000});

    auto const info = memory.get<abi::LaunchInfo>(layout->launch_info);
    CHECK(info.magic == abi::LaunchInfo::expected_magic);
    CHECK(info.memory_bytes == 8 * mib);
    CHECK(info.free_begin == 0x40'8000);
    CHECK(info.guest_page_shift == 21);
    CHECK(info.host_page_shift == 0);
    CHECK(info.habitat == abi::Habitat::native);
    auto const line = memory.at(Gpa{info.command_line}, info.command_line_bytes);
    CHECK(copy(line) == copy(std::as_bytes(std::span{options.command_line})));
}

TEST_CASE("what the caller says of the launch is what the guest reads") {
    FlatGuestMemory memory{8 * mib};
    auto options = options_for(8 * mib);
    options.host_page_shift = 30;
    options.habitat = abi::Habitat::hypervisor;
    auto const layout = load_guest(image, options, memory);
    REQUIRE(layout);
    auto const info = memory.get<abi::LaunchInfo>(layout->launch_info);
    CHECK(info.host_page_shift == 30);
    CHECK(info.habitat == abi::Habitat::hypervisor);
}

TEST_CASE("a command line of any length moves the tables, and nothing overlaps") {
    for (std::size_t const length :
         {std::size_t{0}, std::size_t{4096 - 48}, std::size_t{4096 - 47}, std::size_t{100'000}}) {
        FlatGuestMemory memory{8 * mib};
        std::string const line(length, 'x');
        auto options = options_for(8 * mib);
        options.command_line = line;
        auto const layout = load_guest(image, options, memory);
        REQUIRE(layout);
        CHECK(layout->cr3 >= layout->command_line() + length);
        CHECK(layout->cr3 - layout->launch_info < length + 48 + 4096);
        CHECK(copy(memory.at(layout->command_line(), length)) ==
              copy(std::as_bytes(std::span{line})));
    }
}

TEST_CASE("every page of memory maps to itself by the chosen page size, and no page beyond does") {
    for (PageSize const page : {page_4k, page_2m, page_1g}) {
        for (std::uint64_t const bytes : {6 * mib, 8 * mib, 8 * mib + 4096, 10 * mib - 4096}) {
            INFO("pages of 2^" << page.shift() << ", memory " << bytes);
            FlatGuestMemory memory{bytes};
            auto const layout = load_guest(image, options_for(bytes, page), memory);
            REQUIRE(layout);
            Tables tables{memory};
            for (std::uint64_t gva = 0; gva < bytes; gva += 4096) {
                auto const found = walk(GuestPaging{}, layout->cr3, Gva{gva + 5}, tables);
                REQUIRE(found);
                REQUIRE(found->address == Gpa{gva + 5});
                REQUIRE(found->page_size == page);
                REQUIRE(found->permissions == read_write_execute);
            }
            std::uint64_t const end = pages_for(bytes, page) * page.bytes();
            CHECK_FALSE(walk(GuestPaging{}, layout->cr3, Gva{end}, tables));
            CHECK_FALSE(walk(GuestPaging{}, layout->cr3, Gva{most_guest_memory - 1}, tables));
        }
    }
}

TEST_CASE("memory of several gigabytes is mapped across tables of every level") {
    constexpr std::uint64_t bytes = 5 * gib + 2 * mib + 4096;
    for (PageSize const page : {page_4k, page_2m, page_1g}) {
        // All that is written lies low: the fake need not hold the rest.
        FlatGuestMemory memory{16 * mib};
        auto const layout = load_guest(image, options_for(bytes, page), memory);
        REQUIRE(layout);
        Tables tables{memory};
        for (std::uint64_t gva = 0; gva < bytes; gva += 2 * mib)
            REQUIRE(walk(GuestPaging{}, layout->cr3, Gva{gva}, tables)->address == Gpa{gva});
        CHECK(walk(GuestPaging{}, layout->cr3, Gva{bytes - 1}, tables));
        std::uint64_t const end = pages_for(bytes, page) * page.bytes();
        CHECK_FALSE(walk(GuestPaging{}, layout->cr3, Gva{end}, tables));
    }
}

TEST_CASE("the tables that were counted are the tables that were written") {
    for (PageSize const page : {page_4k, page_2m, page_1g}) {
        FlatGuestMemory memory{64 * mib};
        auto const layout = load_guest(image, options_for(64 * mib, page), memory);
        REQUIRE(layout);
        auto const last_table = copy(memory.at(Gpa{layout->free_begin.value() - 4096}, 4096));
        CHECK(last_table != std::vector<std::byte>(4096, FlatGuestMemory::untouched));
        auto const beyond = copy(memory.at(layout->free_begin, 1 * mib));
        CHECK(beyond == std::vector<std::byte>(1 * mib, FlatGuestMemory::untouched));
    }
}

TEST_CASE("the least memory that is named as enough is enough, and one page less is not") {
    for (PageSize const page : {page_4k, page_2m, page_1g}) {
        std::uint64_t const least = least_memory(image, options_for(4096, page));
        FlatGuestMemory memory{least};
        auto const layout = load_guest(image, options_for(least, page), memory);
        REQUIRE(layout);
        CHECK(layout->free_begin.value() <= least);

        auto const error = plan_guest(image, options_for(least - 4096, page));
        REQUIRE_FALSE(error);
        CHECK(error.error() == LoadError{.kind = LoadErrorKind::memory_too_small,
                                         .found = least - 4096,
                                         .expected = least});
    }
}

TEST_CASE("a segment outside the guest's memory is refused, and enough memory is named") {
    auto const needed = least_memory(image, options_for(4096));
    auto const outside = plan_guest(image, options_for(2 * mib));
    REQUIRE_FALSE(outside);
    CHECK(outside.error() == LoadError{LoadErrorKind::segment_outside_memory, 64 + 24, "p_paddr",
                                       0x40'0000, needed, 0});
    auto const partly = plan_guest(image, options_for(0x40'3000));
    REQUIRE_FALSE(partly);
    CHECK(partly.error() == LoadError{LoadErrorKind::segment_outside_memory, 64 + 56 + 40,
                                      "p_memsz", 0x2345, needed, 1});
}

TEST_CASE("memory of no bytes, of part of a page, or of too many bytes is refused") {
    for (std::uint64_t const bytes :
         {std::uint64_t{0}, 8 * mib + 1, most_guest_memory + 4096, ~std::uint64_t{0}}) {
        auto const planned = plan_guest(image, options_for(bytes));
        REQUIRE_FALSE(planned);
        CHECK(planned.error() == LoadError{.kind = LoadErrorKind::bad_memory_size,
                                           .found = bytes,
                                           .expected = most_guest_memory});
    }
}

TEST_CASE("a page size that the guest's paging lacks is refused") {
    for (PageSize const page : {page_4m, PageSize{39}}) {
        auto const planned = plan_guest(image, options_for(8 * mib, page));
        REQUIRE_FALSE(planned);
        CHECK(planned.error().kind == LoadErrorKind::bad_guest_page);
    }
}

TEST_CASE("nothing is written unless everything fits") {
    FlatGuestMemory memory{0x40'5000};
    CHECK_FALSE(load_guest(image, options_for(0x40'5000), memory));
    CHECK(memory.accesses() == 0);
}

TEST_CASE("a memory that fails at any access gives its reason and the gpa") {
    FlatGuestMemory healthy{8 * mib};
    REQUIRE(load_guest(image, options_for(8 * mib), healthy));
    for (std::uint64_t accesses = 0; accesses < healthy.accesses(); ++accesses) {
        FlatGuestMemory memory{8 * mib};
        memory.fail_after(accesses);
        auto const loaded = load_guest(image, options_for(8 * mib), memory);
        REQUIRE_FALSE(loaded);
        CHECK(loaded.error().error.kind == LoadErrorKind::memory_failed);
        CHECK(loaded.error().error.found >= 0x40'0000);
        CHECK(loaded.error().cause == FlatMemoryError::failed_on_demand);
    }
}

TEST_CASE("memory that is known to read as zero is not zeroed again, and ends the same") {
    FlatGuestMemory dirty{8 * mib};
    FlatGuestMemory clean{8 * mib, std::byte{0}};
    auto options = options_for(8 * mib);
    auto const layout = load_guest(image, options, dirty);
    options.memory_reads_zero = true;
    REQUIRE(load_guest(image, options, clean));
    CHECK(clean.zeroings() == 0);
    // From the last segment on; bytes between segments are nobody's.
    Gpa const from{0x40'1000};
    Gpa const image_end{0x40'1000 + 0x2345};
    CHECK(copy(dirty.at(from, image_end - from)) == copy(clean.at(from, image_end - from)));
    std::uint64_t const tables = layout->free_begin - layout->cr3;
    CHECK(copy(dirty.at(layout->cr3, tables)) == copy(clean.at(layout->cr3, tables)));
}

} // namespace load_guest_test
