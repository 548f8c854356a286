// The same guests on both engines: console, exit status, and what the report says that does not
// depend on who runs the guest.
#include "tests/catch.hpp"
#include "tests/support/family.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/without_kvm.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <string_view>

namespace family_test {

using namespace twofold::test;

namespace {

/// Kernels that can't say the same, and why.
struct Apart {
    std::string_view kernel;
    std::string_view why;
};
constexpr std::array apart = std::to_array<Apart>({
    {"modes", "KVM without VT-x or SVM runs no 32-bit paging"},
    {"permissions", "KVM writes the entries itself: a slot is writable, read-only or absent"},
});

} // namespace

TEST_CASE("each kernel of the family says and returns the same on both engines") {
    if (without_kvm()) return;
    for (auto const& guest : all_same)
        check_same(guest, run_on("kvm", guest), run_on("bochs", guest));
    for (auto const& [kernel, why] : apart)
        std::cout << "not the same on both engines: " << kernel << ": " << why << '\n';
    std::cout << apart.size() << " kernels are not the same on both engines\n";
}

TEST_CASE("no kernel of the family is left out of the comparison without a reason") {
    std::set<std::string> told;
    for (auto const& guest : all_same)
        told.insert(guest.kernel);
    for (auto const& one : apart)
        CHECK(told.insert(std::string{one.kernel}).second);
    std::set<std::string> kernels;
    for (auto const& entry : std::filesystem::directory_iterator{TWOFOLD_TREE "/guest"})
        if (entry.is_directory() && entry.path().filename() != "kit")
            kernels.insert(entry.path().filename());
    CHECK(told == kernels);
}

TEST_CASE("clones that offer their pages come to share frames on both engines") {
    if (without_kvm()) return;
    Same const guest{"twins", {"--merge", "offered", "--clones", "1"}, {}, Console::same_lines};
    auto const bochs = run_on("bochs", guest);
    auto const kvm = run_on("kvm", guest);
    CHECK(console_of(bochs, guest).size() == 4);
    CHECK(console_of(kvm, guest) == console_of(bochs, guest));
    CHECK(kvm["exit_status"] == 0);
}

TEST_CASE("what a guest may not ask for under KVM is refused, and it goes on") {
    if (without_kvm()) return;
    auto const code = [](Same const& guest) {
        return run_on("kvm", guest)["guests"][0]["stop"]["code"].get<int>();
    };
    // Merging where the launch does not allow it, and where a handler of ours brings pages in.
    CHECK(code({"twins", {}, {"--alone"}}) == 3);
    CHECK(code({"twins", {"--merge", "offered", "--lazy-by", "userfault"}, {"--alone"}}) == 3);
    // Pages that are a view of a template can't be told apart by whether they are accessed.
    CHECK(code({"hot", {"--repeat", "2"}}) == 3);
    CHECK(code({"hot", {"--host-memory", "memfd"}}) == 3);
    // A clone of a guest whose other processors, disk or clones' processes would go on without it.
    TemporaryDirectory const directory;
    auto const disk = directory.file("disk");
    std::ofstream{disk} << "";
    std::filesystem::resize_file(disk, 1 << 20);
    CHECK(code({"clone", {"--devices", "pc", "--cpus", "2"}}) == 3);
    CHECK(code({"clone", {"--disk", disk.string()}}) == 3);
    CHECK(code({"clone", {"--clones", "1", "--clones-as", "processes"}}) == 3);
}

} // namespace family_test
