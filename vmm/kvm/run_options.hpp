// How a guest is run under KVM.
#pragma once

#include "debug/gdb_server.hpp"
#include "kvm/board.hpp"
#include "kvm/launch_dirty_log.hpp"
#include "kvm/resident_pages.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace twofold::vmm::kvm {

class Template;

/// Who brings in memory that is touched for the first time.
enum class LazyBy : std::uint8_t { kernel, userfault };

/// How clones that a launch asks for run beside the guest that they are made of.
enum class ClonesAs : std::uint8_t { threads, processes };

struct RunOptions {
    LazyBy lazy_by = LazyBy::kernel;
    /// 4 KiB pages around a fault that our own handler brings in.
    std::uint64_t fault_window = 16;
    /// Only with our own handler.
    std::optional<FrameLimit> frame_limit = std::nullopt;
    /// What a guest that is loaded has its memory in; nothing: what goes with its host page.
    std::optional<HostMemory> host_memory = std::nullopt;
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
    /// How often each guest runs: after its end it is put back to its template, and runs again.
    std::uint64_t runs = 1;
    ClonesAs clones_as = ClonesAs::threads;
    /// Guests may clone themselves.
    bool may_clone = true;
    /// Guests may offer pages that others hold as well.
    bool may_merge = false;
    /// The log that is kept of what each guest writes.
    LaunchDirtyLog::Wanted dirty_log = {};
    /// Empty machines that are made beforehand, for clones to come.
    unsigned pool = 0;
    /// A frozen guest that this one goes on from, as its clone; see GuestIdentity.
    std::shared_ptr<Template const> origin = nullptr;
    std::uint64_t number = 0;
    /// A debugger has the guest, of one processor, before its first instruction.
    std::shared_ptr<GdbServer> debugger = nullptr;
};

} // namespace twofold::vmm::kvm
