#include "catch.hpp"
#include "support/flat_guest_memory.hpp"
#include "support/kernel_files.hpp"

#include <twofold/load/load_linux.hpp>
#include <twofold/paging/walk.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace load_linux_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t memory_bytes = 32 * mib;

BootOptions options_with(std::string_view line, std::span<BootModule const> modules = {}) {
    return {.memory_bytes = memory_bytes, .name = "k", .arguments = line, .modules = modules};
}
LoadError error_of(Bytes const& file, BootOptions const& options = options_with(""),
                   LinuxEntry entry = LinuxEntry::best) {
    FlatGuestMemory memory{memory_bytes};
    auto const loaded = load_linux(file, options, memory, entry);
    REQUIRE_FALSE(loaded);
    CHECK(memory.accesses() == 0);
    return loaded.error().error;
}
std::string text_at(FlatGuestMemory& memory, std::uint64_t gpa) {
    std::string text;
    while (char const c = memory.get<char>(Gpa{gpa++}))
        text += c;
    return text;
}

/// Walks the first page tables.
struct Tables {
    using Error = FlatMemoryError;
    FlatGuestMemory& memory;

    template <class Word>
    std::expected<Word, Error> read(Gpa gpa) {
        return memory.get<Word>(gpa);
    }
};

} // namespace

TEST_CASE("the zero page holds what Linux's own header says it must") {
    auto const initrd = bytes_of(10'000, 7);
    BootModule const modules[] = {{initrd, ""}};
    FlatGuestMemory memory{memory_bytes};
    LinuxFile const file;
    auto const state = load_linux(file.bytes(), options_with("console=ttyS0", modules), memory);
    REQUIRE(state);
    auto const page = memory.get<boot_params>(Gpa{state->rsi});
    // With +, values: a reference to a member of a packed structure may not be aligned.
    CHECK(+page.hdr.header == 0x5372'6448);
    CHECK(+page.hdr.version == 0x20f);
    CHECK(+page.hdr.type_of_loader == 0xff);
    CHECK(+page.hdr.code32_start == 0x100'0000);
    CHECK(+page.hdr.init_size == 0x10'0000);
    CHECK(page.sentinel == 0);
    CHECK(text_at(memory, page.hdr.cmd_line_ptr) == "console=ttyS0");
    CHECK(+page.hdr.ramdisk_size == 10'000);
    auto const placed = memory.at(Gpa{page.hdr.ramdisk_image}, 10'000);
    CHECK(Bytes(placed.begin(), placed.end()) == initrd);
    CHECK(page.hdr.ramdisk_image % 4096 == 0);
    CHECK(page.hdr.ramdisk_image > 30 * mib);
    std::uint64_t available = 0;
    for (unsigned i = 0; i < page.e820_entries; ++i)
        if (page.e820_table[i].type == 1) available += page.e820_table[i].size;
    CHECK(available == 31 * mib + 0x9'fc00);
}

TEST_CASE("the protected-mode kernel lies at its preferred address, its memory zeroed behind it") {
    FlatGuestMemory memory{memory_bytes};
    LinuxFile const file;
    REQUIRE(load_linux(file.bytes(), options_with(""), memory));
    auto const placed = memory.at(Gpa{0x100'0000}, 4096);
    CHECK(Bytes(placed.begin(), placed.end()) == file.kernel);
    CHECK(memory.get<std::uint64_t>(Gpa{0x100'1000}) == 0);
}

TEST_CASE("a kernel that cannot be moved lies at code32_start") {
    LinuxFile file;
    file.header.relocatable_kernel = 0;
    FlatGuestMemory memory{memory_bytes};
    auto const state = load_linux(file.bytes(), options_with(""), memory, LinuxEntry::entry_32);
    REQUIRE(state);
    CHECK(state->rip == 0x10'0000);
}

TEST_CASE("the 32-bit entry has the segments of the boot protocol, and paging off") {
    FlatGuestMemory memory{memory_bytes};
    auto const state =
        load_linux(LinuxFile{}.bytes(), options_with(""), memory, LinuxEntry::entry_32);
    REQUIRE(state);
    CHECK(state->mode == ProcessorMode::protected_32);
    CHECK(state->rip == 0x100'0000);
    CHECK(state->code.selector == 0x10);
    CHECK(state->data.selector == 0x18);
    CHECK(memory.get<std::uint64_t>(Gpa{state->gdt.base + 0x10}) == state->code.descriptor());
    CHECK(memory.get<std::uint64_t>(Gpa{state->gdt.base + 0x18}) == state->data.descriptor());
    CHECK(state->rbx == 0);
    CHECK(state->rbp == 0);
    CHECK(state->rdi == 0);
    CHECK((state->cr0 & cr0::paging) == 0);
}

TEST_CASE("the 64-bit entry finds kernel, zero page and command line mapped to themselves") {
    FlatGuestMemory memory{memory_bytes};
    auto const state = load_linux(LinuxFile{}.bytes(), options_with("x"), memory);
    REQUIRE(state);
    CHECK(state->mode == ProcessorMode::long_64);
    CHECK(state->rip == 0x100'0200);
    CHECK(state->code.access.long_mode());
    Tables tables{memory};
    auto const line = memory.get<std::uint32_t>(Gpa{state->rsi + 0x228});
    for (std::uint64_t const at :
         {state->rip, state->rsi, std::uint64_t{line}, state->gdt.base, 0xffff'ffffUL}) {
        auto const found = walk(GuestPaging{}, Gpa{state->cr3}, Gva{at}, tables);
        REQUIRE(found);
        CHECK(found->address == Gpa{at});
    }
}

TEST_CASE("a kernel without a 64-bit entry is entered by its 32-bit one, unless told otherwise") {
    LinuxFile file;
    file.header.xloadflags = 0;
    FlatGuestMemory memory{memory_bytes};
    auto const state = load_linux(file.bytes(), options_with(""), memory);
    REQUIRE(state);
    CHECK(state->mode == ProcessorMode::protected_32);
    CHECK(error_of(file.bytes(), options_with(""), LinuxEntry::entry_64).kind ==
          LoadErrorKind::no_64_bit_entry);
}

TEST_CASE("the initrd ends where the kernel can still reach it") {
    LinuxFile file;
    file.header.initrd_addr_max = 0x17f'ffff;
    auto const initrd = bytes_of(10'000, 7);
    BootModule const modules[] = {{initrd, ""}};
    FlatGuestMemory memory{memory_bytes};
    auto const state = load_linux(file.bytes(), options_with("", modules), memory);
    REQUIRE(state);
    CHECK(memory.get<std::uint32_t>(Gpa{state->rsi + 0x218}) + 10'000 <= 0x180'0000);
}

TEST_CASE("each field of the setup header that cannot be is refused") {
    using enum LoadErrorKind;
    LinuxFile file;
    file.header.boot_flag = 1;
    CHECK(error_of(file.bytes()) == LoadError{wrong_boot_flag, 0x1fe, "boot_flag", 1, 0xaa55});
    file = LinuxFile{};
    file.header.header = 1;
    CHECK(error_of(file.bytes()) == LoadError{not_linux, 0x202, "header", 1, 0x5372'6448});
    file = LinuxFile{};
    file.header.version = 0x201;
    CHECK(error_of(file.bytes()) == LoadError{old_linux_protocol, 0x206, "version", 0x201, 0x202});
    file = LinuxFile{};
    file.header.loadflags = 0;
    CHECK(error_of(file.bytes()) == LoadError{not_loaded_high, 0x211, "loadflags", 0, 1});
    file = LinuxFile{};
    file.header.setup_sects = 9;
    CHECK(error_of(file.bytes()) ==
          LoadError{truncated_linux_setup, 0x1f1, "setup_sects", 9, 5120});
    file = LinuxFile{};
    file.header.syssize = 257;
    CHECK(error_of(file.bytes()) == LoadError{truncated_linux_kernel, 0x1f4, "syssize", 257, 4096});
    file = LinuxFile{};
    file.header.pref_address = std::uint64_t{1} << 32;
    CHECK(error_of(file.bytes()).kind == linux_above_4g);
    file = LinuxFile{};
    file.header.init_size = 0x200'0000;
    CHECK(error_of(file.bytes()) ==
          LoadError{segment_outside_memory, 0x260, "init_size", 0x200'0000, 0x300'0000});
}

TEST_CASE("a command line that is longer than the kernel takes, and a second module, are refused") {
    std::string const longest(2047, 'x');
    FlatGuestMemory memory{memory_bytes};
    REQUIRE(load_linux(LinuxFile{}.bytes(), options_with(longest), memory));
    CHECK(error_of(LinuxFile{}.bytes(), options_with(longest + "x")) ==
          LoadError{.kind = LoadErrorKind::command_line_too_long, .found = 2048, .expected = 2047});
    BootModule const two[2] = {};
    CHECK(error_of(LinuxFile{}.bytes(), options_with("", two)) ==
          LoadError{.kind = LoadErrorKind::too_many_modules, .found = 2, .expected = 1});
}

TEST_CASE("every truncation of a bzImage is refused") {
    auto const whole = LinuxFile{64}.bytes();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        Bytes const cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        // The last unit of 16 bytes need not be whole.
        if (size > whole.size() - 16) continue;
        INFO("bytes: " << size);
        CHECK(LinuxHeader::read(cut).has_value() == false);
    }
}

TEST_CASE("memtest86+ as Debian packages it is loaded whole") {
    for (char const* const path : {"/boot/memtest86+x64.bin", "/boot/memtest86+ia32.bin"}) {
        REQUIRE(std::filesystem::exists(path)); // scripts/setup installs it.
        std::ifstream stream{path, std::ios::binary};
        std::string const text{std::istreambuf_iterator<char>{stream}, {}};
        auto const file = std::as_bytes(std::span{text});
        FlatGuestMemory memory{memory_bytes};
        auto const state = load_linux(file, options_with("console=ttyS0"), memory);
        REQUIRE(state);
        auto const header = LinuxHeader::read(file);
        auto const placed = memory.at(Gpa{header->load_address()}, header->kernel().size());
        CHECK(std::ranges::equal(placed, header->kernel()));
    }
}

} // namespace load_linux_test
