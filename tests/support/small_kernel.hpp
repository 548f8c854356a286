// Kernels of a few instructions, for the command.
#pragma once

#include "support/elf_file.hpp"
#include "support/temporary_directory.hpp"

#include <twofold/abi/launch_info.hpp>

#include <initializer_list>
#include <string>

namespace twofold::test {

/// Ends the guest with 0 by the hypercall port.
inline constexpr std::initializer_list<unsigned> exit_instructions{
    0xb8, 1,    0, 0, 0, // mov eax, 1
    0x31, 0xff,          // xor edi, edi
    0xba, 0xf0, 5, 0, 0, // mov edx, 0x5f0
    0xef,                // out dx, eax
};

/// A file in `directory` with a kernel that executes these bytes, then ends with 0.
inline std::string small_kernel(TemporaryDirectory const& directory,
                                std::initializer_list<unsigned> instructions) {
    std::vector<std::byte> code;
    for (auto const& part : {instructions, exit_instructions})
        for (unsigned const byte : part)
            code.push_back(static_cast<std::byte>(byte));
    auto const bytes = ElfFile{{{abi::guest_link_address, code, code.size()}}}.bytes();
    return directory
        .write("kernel.elf", {reinterpret_cast<char const*>(bytes.data()), bytes.size()})
        .string();
}

} // namespace twofold::test
