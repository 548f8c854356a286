// How a kernel of another's making is booted.
#pragma once

#include <twofold/load/boot_protocol.hpp>
#include <twofold/load/load_raw.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace twofold::vmm {

struct ModuleFile {
    std::vector<std::byte> contents;
    /// Its file's name, then its arguments.
    std::string command_line;
};

struct BootPlan {
    /// Not that of the family.
    BootProtocol protocol;
    /// Of a raw image.
    RawPlace place{};
    /// Of Multiboot and PVH; of Linux at most one, the initrd.
    std::vector<ModuleFile> modules;
};

} // namespace twofold::vmm
