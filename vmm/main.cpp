#include "cli/application.hpp"

int main(int argc, char** argv) { return twofold::vmm::run_application(argc, argv); }
