#include "catch.hpp"
#include "support/flat_guest_memory.hpp"
#include "support/kernel_files.hpp"

#include <twofold/load/load_multiboot.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace load_multiboot_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t mib = 1 << 20;

std::string text_at(FlatGuestMemory& memory, std::uint64_t gpa) {
    std::string text;
    while (char const c = memory.get<char>(Gpa{gpa++}))
        text += c;
    return text;
}
Bytes copy(std::span<std::byte const> bytes) { return {bytes.begin(), bytes.end()}; }
multiboot::Info info_of(FlatGuestMemory& memory, BootState const& state) {
    return memory.get<multiboot::Info>(Gpa{state.rbx});
}

} // namespace

TEST_CASE("a Multiboot kernel starts in 32-bit protected mode as the specification has it") {
    FlatGuestMemory memory{8 * mib};
    auto const state = load_multiboot(as_elf32(multiboot_elf()), {.memory_bytes = 8 * mib}, memory);
    REQUIRE(state);
    CHECK(state->mode == ProcessorMode::protected_32);
    CHECK(state->rip == 0x10'000c);
    CHECK(state->rax == 0x2bad'b002);
    CHECK((state->cr0 & cr0::protection_enable) != 0);
    CHECK((state->cr0 & cr0::paging) == 0);
    CHECK(state->efer == 0);
    CHECK(state->rflags == 2);
    CHECK(state->code.selector == 0x08);
    CHECK(state->data.selector == 0x10);
    CHECK(state->code.limit == 0xffff'ffff);
    // Selectors can be loaded again from the table that GDTR points to.
    CHECK(state->gdt.limit >= 0x17);
    CHECK(memory.get<std::uint64_t>(Gpa{state->gdt.base + 0x08}) == 0x00cf'9b00'0000'ffff);
    CHECK(memory.get<std::uint64_t>(Gpa{state->gdt.base + 0x10}) == 0x00cf'9300'0000'ffff);
}

TEST_CASE("ELF32 and ELF64 Multiboot kernels are loaded by p_paddr, zeros behind their bytes") {
    for (Bytes const& file : {multiboot_elf().bytes(), as_elf32(multiboot_elf())}) {
        FlatGuestMemory memory{8 * mib};
        auto const state = load_multiboot(file, {.memory_bytes = 8 * mib}, memory);
        REQUIRE(state);
        CHECK(copy(memory.at(Gpa{0x10'0000 + 12}, 100)) == bytes_of(100, 1));
        CHECK(copy(memory.at(Gpa{0x10'0000 + 112}, 0x1234 - 112)) == Bytes(0x1234 - 112));
        CHECK(copy(memory.at(Gpa{0x10'2000}, 0x3000)) == Bytes(0x3000));
        CHECK(memory.get<std::byte>(Gpa{0x10'5000}) == FlatGuestMemory::untouched);
    }
}

TEST_CASE("an entry at the kernel's virtual address is entered where its segment was loaded") {
    auto file = multiboot_elf();
    for (auto& header : file.program_headers)
        header.p_vaddr += 0xffff'ffff'8000'0000;
    file.header.e_entry = 0xffff'ffff'8010'0040;
    FlatGuestMemory memory{8 * mib};
    auto const state = load_multiboot(file.bytes(), {.memory_bytes = 8 * mib}, memory);
    REQUIRE(state);
    CHECK(state->rip == 0x10'0040);
}

TEST_CASE("an entry outside every segment works, and so does a PT_LOAD of no size") {
    auto file = multiboot_elf();
    file.header.e_entry = 0x20'0000;
    file.program_headers[1] = {.p_type = PT_LOAD,
                               .p_flags = 0,
                               .p_offset = ~std::uint64_t{0},
                               .p_vaddr = 0,
                               .p_paddr = ~std::uint64_t{0},
                               .p_filesz = 0,
                               .p_memsz = 0,
                               .p_align = 0};
    FlatGuestMemory memory{8 * mib};
    auto const state = load_multiboot(file.bytes(), {.memory_bytes = 8 * mib}, memory);
    REQUIRE(state);
    CHECK(state->rip == 0x20'0000);
}

TEST_CASE("address fields load any file: from its first byte, to its end, without zeros") {
    FlatGuestMemory memory{8 * mib};
    auto const file = multiboot_flat(flat_fields());
    auto const state = load_multiboot(file, {.memory_bytes = 8 * mib}, memory);
    REQUIRE(state);
    CHECK(state->rip == 0x8000 + 96);
    CHECK(copy(memory.at(Gpa{0x8000}, file.size())) == file);
    CHECK(memory.get<std::byte>(Gpa{0x8000 + file.size()}) == FlatGuestMemory::untouched);
}

TEST_CASE("address fields load a part of the file, and zeros behind it") {
    auto fields = flat_fields(0x10'0000);
    fields.load_addr += 32;
    fields.load_end_addr = 0x10'0000 + 150;
    fields.bss_end_addr = 0x10'0000 + 0x2000;
    auto const file = multiboot_flat(fields);
    FlatGuestMemory memory{8 * mib};
    REQUIRE(load_multiboot(file, {.memory_bytes = 8 * mib}, memory));
    CHECK(copy(memory.at(Gpa{0x10'0000 + 32}, 150 - 32)) == copy(std::span{file}.subspan(32, 118)));
    CHECK(copy(memory.at(Gpa{0x10'0000 + 150}, 0x2000 - 150)) == Bytes(0x2000 - 150));
    CHECK(memory.get<std::byte>(Gpa{0x10'0000 + 31}) == FlatGuestMemory::untouched);
}

TEST_CASE("address fields are taken even where the file is an ELF file") {
    auto file = multiboot_elf();
    Bytes header;
    append(header, flat_fields(0x20'0000));
    file.contents = joined(header, file.contents);
    auto bytes = file.bytes();
    overwrite(bytes, 64 + 2 * 56 + 12, std::uint32_t{0x20'0000 + 64 + 2 * 56}); // header_addr
    FlatGuestMemory memory{8 * mib};
    auto const state = load_multiboot(bytes, {.memory_bytes = 8 * mib}, memory);
    REQUIRE(state);
    CHECK(state->rip == 0x20'0000 + 96);
    CHECK(copy(memory.at(Gpa{0x20'0000}, bytes.size())) == bytes);
}

TEST_CASE("memory sizes, map, command line and the loader's name are all filled in") {
    FlatGuestMemory memory{8 * mib};
    auto const state = load_multiboot(
        multiboot_elf().bytes(),
        {.memory_bytes = 8 * mib, .name = "kernel.elf", .arguments = "a b=c"}, memory);
    REQUIRE(state);
    auto const info = info_of(memory, *state);
    CHECK((info.flags & 0x24d) == 0x24d);
    CHECK(info.mem_lower == 639);
    CHECK(info.mem_upper == 7 * 1024);
    CHECK(text_at(memory, info.cmdline) == "kernel.elf a b=c");
    CHECK(text_at(memory, info.boot_loader_name) == "Twofold");
    CHECK(info.mods_count == 0);

    std::uint64_t available = 0;
    for (std::uint32_t at = 0; at < info.mmap_length; at += 24) {
        auto const entry = memory.get<multiboot::MemoryMapEntry>(Gpa{info.mmap_addr + at});
        CHECK(entry.size == 20);
        if (entry.type == 1) available += entry.length_low;
    }
    CHECK(available == 7 * mib + 0x9'fc00);
}

TEST_CASE("a command line without arguments is the kernel's name alone") {
    FlatGuestMemory memory{8 * mib};
    auto const state =
        load_multiboot(multiboot_elf().bytes(), {.memory_bytes = 8 * mib, .name = "k"}, memory);
    REQUIRE(state);
    CHECK(text_at(memory, info_of(memory, *state).cmdline) == "k");
}

TEST_CASE("modules lie whole behind the image, page by page, in their order, with their lines") {
    auto const first = bytes_of(5000, 3);
    auto const second = bytes_of(10, 9);
    BootModule const modules[] = {{first, "one.bin x"}, {second, "two.bin"}, {{}, "empty"}};
    FlatGuestMemory memory{8 * mib};
    auto const state = load_multiboot(multiboot_elf().bytes(),
                                      {.memory_bytes = 8 * mib, .modules = modules}, memory);
    REQUIRE(state);
    auto const info = info_of(memory, *state);
    REQUIRE(info.mods_count == 3);
    std::uint32_t last_end = 0x10'5000;
    for (std::uint32_t i = 0; i < 3; ++i) {
        auto const module = memory.get<multiboot::Module>(Gpa{info.mods_addr + i * 16});
        CHECK(module.mod_start % 4096 == 0);
        CHECK(module.mod_start >= last_end);
        CHECK(module.mod_end - module.mod_start == modules[i].contents.size());
        CHECK(copy(memory.at(Gpa{module.mod_start}, modules[i].contents.size())) ==
              copy(modules[i].contents));
        CHECK(text_at(memory, module.string) == modules[i].command_line);
        last_end = module.mod_end;
    }
}

TEST_CASE("wherever the image lies, the information lies outside it") {
    for (std::uint32_t const load : {0x1000U, 0x8000U, 0x9'0000U, 0x9'f000U}) {
        for (std::uint32_t const end : {load + 0x1000, 0x9'fc00U, 0x9'fbffU, 0x20'0000U}) {
            if (end < load + 0x1000) continue;
            auto fields = flat_fields(load);
            fields.bss_end_addr = end;
            FlatGuestMemory memory{8 * mib};
            auto const state =
                load_multiboot(multiboot_flat(fields), {.memory_bytes = 8 * mib}, memory);
            REQUIRE(state);
            auto const info = info_of(memory, *state);
            std::pair<std::uint64_t, std::uint64_t> const pieces[] = {
                {state->rbx, sizeof info}, {state->gdt.base, 32},      {info.cmdline, 1},
                {info.mmap_addr, 72},      {info.boot_loader_name, 8},
            };
            for (auto const& [at, bytes] : pieces) {
                CHECK((at + bytes <= load || at >= end));
                CHECK((at < 0x9'fc00 || at >= 0x10'0000));
            }
        }
    }
}

} // namespace load_multiboot_test
