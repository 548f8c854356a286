// Writes the fuzzers' first files: valid kernels of each protocol. Usage: write_seeds DIRECTORY
#include "support/kernel_files.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

using namespace twofold::test;

namespace {

void write(std::filesystem::path const& directory, std::string const& name, Bytes const& file) {
    std::filesystem::create_directories(directory);
    std::ofstream stream{directory / name, std::ios::binary};
    stream.exceptions(std::ios::failbit | std::ios::badbit);
    stream.write(reinterpret_cast<char const*>(file.data()),
                 static_cast<std::streamsize>(file.size()));
    stream.close();
}

/// A queue of 8 with one request to read a sector, as AnyVirtioTraffic takes it.
std::vector<std::byte> virtio_request() {
    std::vector<std::byte> bytes(16 + 0x3010);
    auto const put = [&bytes](std::size_t at, std::uint64_t value, std::size_t count) {
        std::memcpy(&bytes[at], &value, count);
    };
    constexpr std::size_t memory = 16;
    put(0, 3, 4);
    put(8, 0x1000, 4);
    put(12, 0x2000, 4);
    struct {
        std::uint64_t gpa, bytes, flags, next;
    } const parts[] = {{0x3000, 16, 1, 1}, {0x4000, 512, 3, 2}, {0x5000, 1, 2, 0}};
    for (std::size_t n = 0; n < std::size(parts); ++n) {
        put(memory + 16 * n, parts[n].gpa, 8);
        put(memory + 16 * n + 8, parts[n].bytes, 4);
        put(memory + 16 * n + 12, parts[n].flags, 2);
        put(memory + 16 * n + 14, parts[n].next, 2);
    }
    put(memory + 0x1002, 1, 2);
    put(memory + 0x3008, 1, 8);
    return bytes;
}

void write_seeds(std::filesystem::path const& to) {
    write(to / "family", "two_segments",
          ElfFile{{{0x1000, bytes_of(24, 1), 24}, {0x2000, bytes_of(8, 7), 0x345}}}.bytes());
    write(to / "multiboot", "elf64", multiboot_elf(0x2'0000).bytes());
    write(to / "multiboot", "elf32", as_elf32(multiboot_elf(0x2'0000)));
    write(to / "multiboot", "flat", multiboot_flat(flat_fields()));
    write(to / "pvh", "elf64", elf_with_notes(pvh_notes(0x2'0000), 0x2'0000).bytes());
    write(to / "pvh", "elf32", as_elf32(elf_with_notes(pvh_notes(0x2'0000), 0x2'0000)));
    LinuxFile kernel{64};
    kernel.header.pref_address = 0x10'0000;
    kernel.header.init_size = 4096;
    write(to / "linux", "relocatable", kernel.bytes());
    kernel.header.relocatable_kernel = 0;
    kernel.header.xloadflags = 0;
    write(to / "linux", "fixed_32", kernel.bytes());
    write(to / "raw", "bytes", bytes_of(100, 0x90));
    write(to / "virtio", "read", virtio_request());
}

} // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fputs("usage: write_seeds DIRECTORY\n", stderr);
        return 2;
    }
    try {
        write_seeds(arguments[1]);
    } catch (std::exception const& failure) {
        std::fprintf(stderr, "write_seeds: %s\n", failure.what());
        return 1;
    }
    return 0;
}
