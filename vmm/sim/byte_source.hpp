// Files as streams of bytes, decompressed where they are compressed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace twofold::vmm {

class ByteSource {
  public:
    virtual ~ByteSource() = default;
    /// Reads up to `bytes.size()` bytes; 0 at the end. Throws Failure with the file's name.
    virtual std::size_t read(std::span<std::byte> bytes) = 0;
};

/// Opens a file that is plain, or compressed by gzip or xz: the first bytes tell. Throws Failure.
std::unique_ptr<ByteSource> open_bytes(std::filesystem::path const& path);

} // namespace twofold::vmm
