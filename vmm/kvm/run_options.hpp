// How a guest is run under KVM.
#pragma once

#include "debug/gdb_server.hpp"
#include "kvm/board.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace twofold::vmm::kvm {

/// Who brings in memory that is touched for the first time.
enum class LazyBy : std::uint8_t { kernel, userfault };

struct RunOptions {
    LazyBy lazy_by = LazyBy::kernel;
    /// 4 KiB pages around a fault that our own handler brings in.
    std::uint64_t fault_window = 16;
    BoardOptions board = {};
    /// Whether anybody reads how much memory the guest took, what its kernel counted, and on what
    /// processor: asking costs a tenth of a small guest's launch.
    bool figures = true;
    /// seccomp and dropped privileges for the guest's thread.
    bool confined = true;
    /// A snapshot that the guest goes on from; its plan then only names it and limits its time.
    std::filesystem::path restore_from = {};
    /// Freeze the guest after so many exits, and save it to `save_to`.
    std::optional<std::uint64_t> freeze_after = std::nullopt;
    std::filesystem::path save_to = {};
    /// A debugger has the guest, of one processor, before its first instruction.
    std::shared_ptr<GdbServer> debugger = nullptr;
};

} // namespace twofold::vmm::kvm
