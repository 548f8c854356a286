#include "catch.hpp"
#include "support/kernel_files.hpp"

#include <twofold/load/boot_protocol.hpp>
#include <twofold/load/load_error_text.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace boot_protocol_test {

using namespace twofold;
using namespace twofold::test;

namespace {

std::string text_of(LoadError const& error) {
    std::string text;
    auto sink = [&text](std::string_view piece) { text += piece; };
    describe(error, sink);
    return text;
}

} // namespace

TEST_CASE("each file is recognised by its own protocol") {
    CHECK(detect_boot_protocol(multiboot_elf().bytes()) == BootProtocol::multiboot);
    CHECK(detect_boot_protocol(as_elf32(multiboot_elf())) == BootProtocol::multiboot);
    CHECK(detect_boot_protocol(multiboot_flat(flat_fields())) == BootProtocol::multiboot);
    CHECK(detect_boot_protocol(elf_with_notes(pvh_notes()).bytes()) == BootProtocol::pvh);
    CHECK(detect_boot_protocol(LinuxFile{}.bytes()) == BootProtocol::linux_kernel);
    CHECK(detect_boot_protocol(ElfFile{{{0x40'0000, bytes_of(9, 1), 9}}}.bytes()) ==
          BootProtocol::family);
}

TEST_CASE("what is no kernel is refused with what is known of it") {
    CHECK(detect_boot_protocol({}).error() == LoadError{.kind = LoadErrorKind::not_a_kernel});
    CHECK(detect_boot_protocol(bytes_of(100, 1)).error() ==
          LoadError{.kind = LoadErrorKind::not_a_kernel, .found = 0x0403'0201});
    auto fields = flat_fields();
    fields.checksum = 5;
    CHECK(detect_boot_protocol(multiboot_flat(fields)).error().kind ==
          LoadErrorKind::wrong_multiboot_checksum);
}

TEST_CASE("a Multiboot header without address fields in a file that is no ELF file is no kernel") {
    CHECK(detect_boot_protocol(multiboot_header()).error().kind == LoadErrorKind::not_a_kernel);
}

TEST_CASE("every error of another boot protocol has words of its own, of at most 256 bytes") {
    constexpr auto all_ones = ~std::uint64_t{0};
    std::vector<std::string> seen;
    for (auto kind = static_cast<unsigned>(LoadErrorKind::not_a_kernel);
         kind <= static_cast<unsigned>(LoadErrorKind::raw_outside_memory); ++kind) {
        std::string const text = text_of({static_cast<LoadErrorKind>(kind), all_ones,
                                          "XEN_ELFNOTE_PHYS32_ENTRY", all_ones, all_ones});
        INFO(text);
        CHECK(text.size() <= 256);
        CHECK(text.find("; ") + 2 < text.size());
        CHECK(std::find(seen.begin(), seen.end(), text) == seen.end());
        seen.push_back(text);
    }
}

TEST_CASE("an error names the field, its place, its value and what would be right") {
    CHECK(text_of({LoadErrorKind::load_end_beyond_file, 84, "load_end_addr", 0x80c5, 0x80c4}) ==
          "load_end_addr at offset 0x54 is 0x80c5; it must be at most 0x80c4: there the last byte "
          "of the file goes");
    CHECK(text_of({.kind = LoadErrorKind::no_room,
                   .field = "the initrd",
                   .found = 5000,
                   .expected = 0x80'0000}) ==
          "the initrd: no 5000 bytes of guest memory in a row are free below 0x800000; more memory "
          "would do, or less to load");
    CHECK(text_of({LoadErrorKind::segment_outside_memory, 88, "bss_end_addr", 0x80'1001,
                   0x80'2000}) == "bss_end_addr at offset 0x58 is 0x801001; that puts the kernel "
                                  "beyond guest memory, of which 8396800 bytes would do");
}

} // namespace boot_protocol_test
