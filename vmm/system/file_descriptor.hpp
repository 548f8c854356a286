// Owned file descriptors, and files that live in memory alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace twofold::vmm {

/// Owns one open descriptor. All that this program opens is closed on exec unless a child is given
/// it by name.
class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
    FileDescriptor(FileDescriptor&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) {
            reset();
            descriptor_ = std::exchange(other.descriptor_, -1);
        }
        return *this;
    }
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int get() const { return descriptor_; }
    [[nodiscard]] bool open() const { return descriptor_ >= 0; }
    /// How a process that inherited the descriptor under its number can open it by a path.
    [[nodiscard]] std::string path() const;
    void reset();

  private:
    int descriptor_ = -1;
};

struct Pipe {
    FileDescriptor read_end;
    FileDescriptor write_end;

    /// The read end does not block.
    static Pipe make();
};

/// A file that has no name in any directory and is gone with its last descriptor, however the
/// process ends. `name` is for diagnostics only.
FileDescriptor make_memory_file(char const* name, std::span<std::byte const> contents);
FileDescriptor make_memory_file(char const* name, std::string_view contents);

/// A file of `bytes` zeros in the directory for temporary files (TMPDIR, or /tmp). It takes room
/// only where it was written, and has no name, so that it is gone in the same way. Throws
/// SystemFailure.
FileDescriptor make_nameless_file(std::uint64_t bytes);

/// Writes all of `bytes`, however many calls it takes. Returns 0 or an errno value.
[[nodiscard]] int write_all(int descriptor, std::span<std::byte const> bytes);

/// Appends what can be read now to `to`, at most 64 KiB. False at the end of the file.
bool read_some(int descriptor, std::string& to);

} // namespace twofold::vmm
