#include "catch.hpp"
#include "support/flat_guest_memory.hpp"
#include "support/kernel_files.hpp"

#include <twofold/load/load_pvh.hpp>

#include <string>

namespace load_pvh_test {

using namespace twofold;
using namespace twofold::test;
using namespace std::string_view_literals;

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::size_t notes_at = 64 + 2 * 56 + 200;

std::string text_at(FlatGuestMemory& memory, std::uint64_t gpa) {
    std::string text;
    while (char const c = memory.get<char>(Gpa{gpa++}))
        text += c;
    return text;
}
LoadError error_of(Bytes const& file) {
    FlatGuestMemory memory{8 * mib};
    auto const loaded = load_pvh(file, {.memory_bytes = 8 * mib}, memory);
    REQUIRE_FALSE(loaded);
    return loaded.error().error;
}

} // namespace

TEST_CASE("a PVH kernel starts at its note's entry with hvm_start_info in EBX") {
    auto const initrd = bytes_of(5000, 1);
    BootModule const modules[] = {{initrd, "initrd"}};
    FlatGuestMemory memory{8 * mib};
    auto const state = load_pvh(
        elf_with_notes(pvh_notes()).bytes(),
        {.memory_bytes = 8 * mib, .name = "k", .arguments = "quiet", .modules = modules}, memory);
    REQUIRE(state);
    CHECK(state->rip == 0x10'0040);
    CHECK(state->mode == ProcessorMode::protected_32);
    CHECK(state->code.access.default_32());
    CHECK(state->task.limit == 0x67);
    auto const info = memory.get<pvh::StartInfo>(Gpa{state->rbx});
    CHECK(info.magic == 0x336e'c578);
    CHECK(info.version == 1);
    CHECK(text_at(memory, info.command_line) == "quiet");
    REQUIRE(info.module_count == 1);
    auto const module = memory.get<pvh::Module>(Gpa{info.modules});
    CHECK(module.bytes == 5000);
    auto const placed = memory.at(Gpa{module.address}, 5000);
    CHECK(Bytes(placed.begin(), placed.end()) == initrd);
    CHECK(text_at(memory, module.command_line) == "initrd");
    std::uint64_t available = 0;
    for (std::uint32_t i = 0; i < info.memory_map_entries; ++i) {
        auto const entry = memory.get<pvh::MemoryMapEntry>(Gpa{info.memory_map + i * 24});
        if (entry.type == 1) available += entry.bytes;
    }
    CHECK(available == 7 * mib + 0x9'fc00);
}

TEST_CASE("the note is found in ELF32 and ELF64 files, with an entry of 4 or of 8 bytes") {
    auto const wide = note("Xen\0"sv, 18, bytes_with(std::uint64_t{0x10'0040}));
    for (Bytes const& notes : {pvh_notes(), wide}) {
        for (Bytes const& file : {elf_with_notes(notes).bytes(), as_elf32(elf_with_notes(notes))}) {
            auto const entry = find_pvh_entry(file);
            REQUIRE(entry);
            CHECK(entry->entry == Gpa{0x10'0040});
        }
    }
}

TEST_CASE("notes of another name or type are passed over") {
    for (Bytes const& notes :
         {note("Xen\0"sv, 17, bytes_with(std::uint32_t{1})),
          note("Xan\0"sv, 18, bytes_with(std::uint32_t{1})),
          note("Xen"sv, 18, bytes_with(std::uint32_t{1})), note(""sv, 18, {}), Bytes(11)}) {
        CHECK(error_of(elf_with_notes(notes).bytes()) ==
              LoadError{LoadErrorKind::no_pvh_note, 56, "e_phnum", 2});
    }
}

TEST_CASE("a note that reaches beyond its segment is refused, also where its sizes near 2^32") {
    for (std::uint32_t const size : {5U, 0x7fff'ffffU, 0xffff'fffcU, 0xffff'ffffU}) {
        auto file = elf_with_notes(note("Xen\0"sv, 18, bytes_with(std::uint32_t{1}))).bytes();
        overwrite(file, notes_at + 4, size);
        CHECK(error_of(file) ==
              LoadError{LoadErrorKind::truncated_note, notes_at + 4, "n_descsz", size, 4});
        file = elf_with_notes(note("Xen\0"sv, 18, bytes_with(std::uint32_t{1}))).bytes();
        overwrite(file, notes_at, size + 4);
        auto const kind = size + 4 < 9 ? LoadErrorKind::no_pvh_note : LoadErrorKind::truncated_note;
        if (size < 0xffff'fff0) CHECK((error_of(file).kind == kind || size == 5));
    }
}

TEST_CASE("an entry note of another size is refused at n_descsz") {
    CHECK(error_of(elf_with_notes(note("Xen\0"sv, 18, bytes_of(6, 0))).bytes()) ==
          LoadError{LoadErrorKind::wrong_note_size, notes_at + 4, "n_descsz", 6});
}

TEST_CASE("an entry that memory does not hold is refused where the note names it") {
    CHECK(error_of(elf_with_notes(pvh_notes(0x900'0000)).bytes()) ==
          LoadError{LoadErrorKind::entry_outside_memory, notes_at + 36 + 16,
                    "XEN_ELFNOTE_PHYS32_ENTRY", 0x900'0000, 8 * mib});
}

} // namespace load_pvh_test
