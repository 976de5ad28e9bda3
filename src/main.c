/*
 * main.c — the command line comes in, an exit code goes out.
 */
#include "cli/command.h"
#include "cli/startup.h"

int main(int argc, char **argv)
{
    startup_settle();
    return command_main(argc, argv);
}
