#include "catch.hpp"
#include "support/flat_guest_memory.hpp"
#include "support/kernel_files.hpp"

#include <twofold/load/load_multiboot.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace multiboot_refusal_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t mib = 1 << 20;

LoadError error_of(Bytes const& file, BootOptions const& options = {.memory_bytes = 8 * mib}) {
    FlatGuestMemory memory{8 * mib};
    auto const loaded = load_multiboot(file, options, memory);
    REQUIRE_FALSE(loaded);
    CHECK(memory.accesses() == 0);
    return loaded.error().error;
}

} // namespace

TEST_CASE("a wrong checksum is refused with the right one, unless a valid header follows") {
    auto fields = flat_fields();
    fields.checksum += 1;
    CHECK(error_of(multiboot_flat(fields)) == LoadError{LoadErrorKind::wrong_multiboot_checksum,
                                                        64 + 8, "checksum", fields.checksum,
                                                        fields.checksum - 1});
    auto file = multiboot_elf();
    file.contents = joined(file.contents, multiboot_header());
    auto bytes = file.bytes();
    overwrite(bytes, 64 + 2 * 56 + 8, std::uint32_t{7});
    FlatGuestMemory memory{8 * mib};
    CHECK(load_multiboot(bytes, {.memory_bytes = 8 * mib}, memory));
}

TEST_CASE("a header is found at any multiple of 4 whose 12 bytes end within 8192") {
    for (std::size_t const at : {0U, 4U, 8180U}) {
        CHECK(find_multiboot_header(joined(Bytes(at), multiboot_header())));
    }
    for (std::size_t const at : {2U, 8184U, 8192U}) {
        CHECK(error_of(joined(Bytes(at), multiboot_header())).kind ==
              LoadErrorKind::no_multiboot_header);
    }
}

TEST_CASE("a demand that is not known is refused, a wish is not") {
    auto fields = flat_fields();
    fields.flags |= 0x8;
    fields.checksum = 0 - fields.magic - fields.flags;
    CHECK(error_of(multiboot_flat(fields)) ==
          LoadError{LoadErrorKind::unknown_multiboot_demand, 64 + 4, "flags", fields.flags, 7});
    fields = flat_fields();
    fields.flags |= 0x8000'0004;
    fields.checksum = 0 - fields.magic - fields.flags;
    FlatGuestMemory memory{8 * mib};
    CHECK(load_multiboot(multiboot_flat(fields), {.memory_bytes = 8 * mib}, memory));
}

TEST_CASE("each address field that cannot be is refused, with what would be right") {
    using enum LoadErrorKind;
    auto fields = flat_fields();
    fields.load_addr = fields.header_addr + 1;
    CHECK(error_of(multiboot_flat(fields)) ==
          LoadError{load_address_above_header, 64 + 16, "load_addr", 0x8041, 0x8040});
    fields = flat_fields();
    fields.load_addr -= 1;
    CHECK(error_of(multiboot_flat(fields)) ==
          LoadError{load_address_before_file, 64 + 16, "load_addr", 0x7fff, 0x8000});
    fields = flat_fields();
    fields.load_end_addr = 0x7fff;
    CHECK(error_of(multiboot_flat(fields)) ==
          LoadError{load_end_below_load_address, 64 + 20, "load_end_addr", 0x7fff, 0x8000});
    fields = flat_fields();
    fields.load_end_addr = 0x8000 + 64 + 32 + 100 + 1;
    CHECK(error_of(multiboot_flat(fields)) ==
          LoadError{load_end_beyond_file, 64 + 20, "load_end_addr", 0x80c5, 0x80c4});
    fields = flat_fields();
    fields.bss_end_addr = 0x80c3;
    CHECK(error_of(multiboot_flat(fields)) ==
          LoadError{bss_end_below_load_end, 64 + 24, "bss_end_addr", 0x80c3, 0x80c4});
}

TEST_CASE("address fields that the file's end cuts are refused") {
    auto file = multiboot_flat(flat_fields());
    for (std::size_t size = 64 + 12; size < 64 + 32; ++size) {
        file.resize(size);
        auto const error = error_of(Bytes(file.begin(), file.begin() + std::ptrdiff_t(size)));
        CHECK(error.kind == LoadErrorKind::truncated_address_fields);
        CHECK(error.expected == size - 64);
        file = multiboot_flat(flat_fields());
    }
}

TEST_CASE("a kernel or an entry outside memory is refused, and enough memory is named") {
    auto fields = flat_fields(0x10'0000);
    fields.bss_end_addr = 0x80'1001;
    CHECK(error_of(multiboot_flat(fields)) == LoadError{LoadErrorKind::segment_outside_memory,
                                                        64 + 24, "bss_end_addr", 0x80'1001,
                                                        0x80'2000});
    fields = flat_fields();
    fields.entry_addr = 0x80'0000;
    CHECK(error_of(multiboot_flat(fields)) == LoadError{LoadErrorKind::entry_outside_memory,
                                                        64 + 28, "entry_addr", 0x80'0000,
                                                        0x80'0000});
}

TEST_CASE("modules without room, and too many of them, are refused") {
    Bytes const large(7 * mib);
    BootModule const module[] = {{large, ""}};
    auto const error =
        error_of(multiboot_elf().bytes(), {.memory_bytes = 8 * mib, .modules = module});
    CHECK(error == LoadError{.kind = LoadErrorKind::no_room,
                             .field = "a module",
                             .found = 7 * mib,
                             .expected = 8 * mib});
    std::vector<BootModule> const many(33);
    CHECK(error_of(multiboot_elf().bytes(), {.memory_bytes = 8 * mib, .modules = many}) ==
          LoadError{.kind = LoadErrorKind::too_many_modules, .found = 33, .expected = 32});
}

TEST_CASE("a memory that fails at any access of the Multiboot loader gives its reason") {
    auto const module_bytes = bytes_of(10, 1);
    BootModule const modules[] = {{module_bytes, "m"}};
    BootOptions const options{.memory_bytes = 8 * mib, .name = "k", .modules = modules};
    FlatGuestMemory healthy{8 * mib};
    REQUIRE(load_multiboot(multiboot_elf().bytes(), options, healthy));
    for (std::uint64_t accesses = 0; accesses < healthy.accesses(); ++accesses) {
        FlatGuestMemory memory{8 * mib};
        memory.fail_after(accesses);
        auto const loaded = load_multiboot(multiboot_elf().bytes(), options, memory);
        REQUIRE_FALSE(loaded);
        CHECK(loaded.error().error.kind == LoadErrorKind::memory_failed);
        CHECK(loaded.error().cause == FlatMemoryError::failed_on_demand);
    }
}

} // namespace multiboot_refusal_test
