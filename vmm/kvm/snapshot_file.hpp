// A frozen guest in a file: a checked head with the state of the machine, then the memory, mapped
// lazily and copy-on-write at the next start.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/snapshot_head.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace twofold::vmm::kvm {

/// Writes the file whole or not at all. Throws Failure.
void write_snapshot(std::filesystem::path const& file, SnapshotHead const& head,
                    std::span<std::byte const> memory);

class SnapshotFile {
  public:
    /// Reads and checks the head. Throws Failure for a file that is no snapshot, is of another
    /// version, was cut off or changed, saying which.
    explicit SnapshotFile(std::filesystem::path const& file);

    [[nodiscard]] SnapshotHead const& head() const { return head_; }
    /// A private view of its memory; pages come in when they are touched.
    [[nodiscard]] GuestRam map_memory() const;
    [[nodiscard]] FileDescriptor const& file() const { return file_; }
    /// Where its memory begins in the file.
    [[nodiscard]] std::uint64_t memory_offset() const { return memory_offset_; }

    /// What is to be said when the file has become shorter than its memory since it was checked;
    /// nothing when it has not. Makes no call that a confined thread may not make.
    [[nodiscard]] std::optional<std::string> why_torn() const;

    /// Pages that an earlier start touched, by their numbers; empty when none was recorded.
    [[nodiscard]] std::vector<std::uint64_t> touched_pages() const;
    /// Keeps them beside the snapshot for the next start.
    void record_touched(std::vector<std::uint64_t> const& pages) const;

  private:
    [[nodiscard]] std::filesystem::path touched_file() const;

    std::filesystem::path path_;
    FileDescriptor file_;
    std::uint64_t memory_offset_ = 0;
    SnapshotHead head_{};
};

/// Brings the pages in at once, as if they had been read.
void prefetch(GuestRam const& ram, std::vector<std::uint64_t> const& pages);

} // namespace twofold::vmm::kvm
