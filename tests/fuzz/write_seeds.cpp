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
