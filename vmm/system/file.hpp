// Files that are read whole, and files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// Throws SystemFailure with the path in it, and Failure for what is not a regular file or holds
/// more than `limit` bytes.
std::vector<std::byte> read_file(std::filesystem::path const& path, std::uint64_t limit);

/// Throws Failure, with the option that named the file, where its directory is not: before
/// something long is done for it.
void require_directory_of(std::string_view option, std::filesystem::path const& file);

/// Writes a file of that name: first under another name beside it, then renamed, so that a full
/// disk or a signal leaves either the old file or the new one. What is there and is not a regular
/// file, such as a pipe or /dev/stdout, is written to directly.
void write_file(std::filesystem::path const& path, std::span<std::byte const> bytes);
void write_file(std::filesystem::path const& path, std::string_view text);

} // namespace twofold::vmm
