// Generated from the OpenAPI document by `npm run client`: do not edit.

export interface paths {
    "/v1/workspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the workspaces that the caller is a member of
         * @description Needs a valid token. Machine credentials with scopes need `workspace:read`.
         */
        get: operations["listWorkspaces"];
        put?: never;
        /**
         * Create a workspace; the caller becomes its owner
         * @description Needs a valid token. Machine credentials are refused.
         */
        post: operations["createWorkspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a workspace
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `workspace:read`.
         */
        get: operations["getWorkspace"];
        put?: never;
        post?: never;
        /**
         * Delete an empty workspace
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `workspace:write`.
         */
        delete: operations["deleteWorkspace"];
        options?: never;
        head?: never;
        /**
         * Change a workspace's description, how often its anonymous devices poll, or stop them
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `workspace:write`.
         */
        patch: operations["updateWorkspace"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the members of a workspace by subject
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `members:read`.
         */
        get: operations["listMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/members/{member}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a member; the machine credentials that it made stay
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials are refused.
         */
        delete: operations["deleteMember"];
        options?: never;
        head?: never;
        /**
         * Change a member's role
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials are refused.
         */
        patch: operations["updateMember"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List invitations that were not accepted, in the order of their creation
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `invitations:read`.
         */
        get: operations["listInvitations"];
        put?: never;
        /**
         * Invite someone by a code that works once
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials are refused.
         */
        post: operations["createInvitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/invitations/{invitation}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Take an invitation back
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials are refused.
         */
        delete: operations["deleteInvitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Become a member of the workspace that one was invited to
         * @description Needs a valid token. Machine credentials are refused.
         */
        post: operations["acceptInvitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List credentials of machines in the order of their creation
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `credentials:read`.
         */
        get: operations["listCredentials"];
        put?: never;
        /**
         * Create a credential for a machine, with at most one's own role
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials are refused.
         */
        post: operations["createCredential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/credentials/{credential}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a credential of at most one's own role, and the access tokens that it was exchanged for
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials are refused.
         */
        delete: operations["deleteCredential"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a machine's credential for an access token (OAuth 2.0 client credentials)
         * @description Needs a credential, and no bearer token.
         */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List node groups in the order of their creation
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-groups:read`.
         */
        get: operations["listNodeGroups"];
        put?: never;
        /**
         * Create a node group with an empty deployment
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-groups:write`.
         */
        post: operations["createNodeGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a node group
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-groups:read`.
         */
        get: operations["getNodeGroup"];
        put?: never;
        post?: never;
        /**
         * Delete a node group that has no nodes
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-groups:write`.
         */
        delete: operations["deleteNodeGroup"];
        options?: never;
        head?: never;
        /**
         * Change a node group's description
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-groups:write`.
         */
        patch: operations["updateNodeGroup"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/deployments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the deployments of a workspace, one per target
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["listDeployments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a node group's deployment
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["getNodeGroupDeployment"];
        /**
         * Replace a node group's deployment as the plan showed; what is not said is removed
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        put: operations["replaceNodeGroupDeployment"];
        post?: never;
        /**
         * Empty a node group's deployment: its components leave the group's nodes
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        delete: operations["deleteNodeGroupDeployment"];
        options?: never;
        head?: never;
        /**
         * Add, change or remove named components of a node group's deployment, or its settings
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        patch: operations["updateNodeGroupDeployment"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let components of a node group's deployment see what was published since they were last named
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        post: operations["refreshNodeGroupDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say again what a revision said, in a new one that resolves as it did then
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        post: operations["rollBackNodeGroupDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment/revisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the revisions of a node group's deployment, newest first: who made them, when and why
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["listNodeGroupDeploymentRevisions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment/revisions/{revision}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a revision of a node group's deployment
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["getNodeGroupDeploymentRevision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment/revisions/{revision}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what a revision of a node group's deployment changed, of the one before it or of another
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["diffNodeGroupDeploymentRevision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get how far a node group's deployment has come: its nodes by state, and the cells that it reaches
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["getNodeGroupDeploymentStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-groups/{nodeGroup}/deployment/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the nodes of a node group with how each is with what it is to run, and its device's error
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["listNodeGroupDeploymentNodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/deployment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the deployment that a node has of its own, if it has one
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["getNodeDeployment"];
        /**
         * Replace a node's deployment as the plan showed; what is not said is removed
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        put: operations["replaceNodeDeployment"];
        post?: never;
        /**
         * Lift a node's own deployment: those of its groups alone reach it then
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        delete: operations["deleteNodeDeployment"];
        options?: never;
        head?: never;
        /**
         * Add, change or remove named components of a node's deployment, or its settings; makes it where there is none
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        patch: operations["updateNodeDeployment"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/deployment/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let components of a node's deployment see what was published since they were last named
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        post: operations["refreshNodeDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/deployment/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say again what a revision said, in a new one that resolves as it did then
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:write`.
         */
        post: operations["rollBackNodeDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/deployment/revisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the revisions of a node's deployment, newest first: who made them, when and why
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["listNodeDeploymentRevisions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/deployment/revisions/{revision}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a revision of a node's deployment
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["getNodeDeploymentRevision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/deployment/revisions/{revision}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what a revision of a node's deployment changed, of the one before it or of another
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `deployments:read`.
         */
        get: operations["diffNodeDeploymentRevision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/deployment-status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what is wanted of a node, what was delivered to it, what its device reports, and whether these agree
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:read`.
         */
        get: operations["getNodeDeploymentStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/drift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was changed behind Slipway's back, in AWS or on devices
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `drift:read`.
         */
        get: operations["listDrift"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/drift/{drift}/repair": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have what was changed behind Slipway's back put right
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `drift:write`.
         */
        post: operations["repairDrift"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/drift/{drift}/adopt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make what was changed behind Slipway's back what is wanted, where that can be said
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `drift:write`.
         */
        post: operations["adoptDrift"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Plan proposed changes: what would come of them for every cell, why, and what forbids them
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `plans:read`.
         */
        post: operations["planChanges"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/plans/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Plan proposed changes: what would become of each node
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `plans:read`.
         */
        post: operations["planNodes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List nodes in the order of their creation
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:read`.
         */
        get: operations["listNodes"];
        put?: never;
        /**
         * Create a node and the token by which a device registers as it
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        post: operations["createNode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a node
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:read`.
         */
        get: operations["getNode"];
        put?: never;
        post?: never;
        /**
         * Delete a node, whatever state it is in: its device's certificates go with it
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        delete: operations["deleteNode"];
        options?: never;
        head?: never;
        /**
         * Change a node's description
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        patch: operations["updateNode"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Put a node into node groups and take it out of others: their deployments reach it, or no more
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        patch: operations["updateNodeMemberships"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/registration-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Issue another registration token for a node; the one before works no more
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        post: operations["createRegistrationToken"];
        /**
         * Revoke a node's registration token, if it has one
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        delete: operations["revokeRegistrationToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/re-register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Issue a token for the device that replaces a node's; the old device works until the new one connects
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        post: operations["reRegisterNode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a node's certificates, those revoked of late too
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:read`.
         */
        get: operations["listNodeCertificates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/nodes/{node}/certificates/{certificate}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a certificate of a node, which ends its connections
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `nodes:write`.
         */
        delete: operations["revokeNodeCertificate"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a registration token for what a device needs to ask AWS IoT for its certificate
         * @description Needs no token.
         */
        post: operations["register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/install.sh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the script that registers a device, to be run by its shell
         * @description Needs no token.
         */
        get: operations["getInstaller"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-imports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List imports of nodes in the order of their creation
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-imports:read`.
         */
        get: operations["listNodeImports"];
        put?: never;
        /**
         * Create a draft import of many nodes and get a URL to upload its file to
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-imports:write`.
         */
        post: operations["createNodeImport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-imports/{nodeImport}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an import of nodes: how far it has come, and, for operators, a link to its results
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-imports:read`.
         */
        get: operations["getNodeImport"];
        put?: never;
        post?: never;
        /**
         * Delete an import with its file and results; its nodes stay
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-imports:write`.
         */
        delete: operations["deleteNodeImport"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/node-imports/{nodeImport}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check an import's file and create its nodes; one that has failed goes on where it was
         * @description Needs the role `operator` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `node-imports:write`.
         */
        post: operations["startNodeImport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List components in the order of their creation, all or those that are sought
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["listComponents"];
        put?: never;
        /**
         * Create a component; its name is claimed for the whole account
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        post: operations["createComponent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/component-imports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a component over that Greengrass has already: one of the account's own, or one of AWS's to refer to
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `component-imports:write`.
         */
        post: operations["importComponent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a component
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["getComponent"];
        put?: never;
        post?: never;
        /**
         * Delete a component that has no versions
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        delete: operations["deleteComponent"];
        options?: never;
        head?: never;
        /**
         * Change a component's description or publisher
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        patch: operations["updateComponent"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a component's versions, the highest first
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["listComponentVersions"];
        put?: never;
        /**
         * Create a draft version, with a recipe or that of another version
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        post: operations["createComponentVersion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a version
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["getComponentVersion"];
        put?: never;
        post?: never;
        /**
         * Delete a version that no deployment uses
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        delete: operations["deleteComponentVersion"];
        options?: never;
        head?: never;
        /**
         * Change a draft's description or recipe
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        patch: operations["updateComponentVersion"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/findings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what is wrong with a version's recipe, held against its files and the workspace's components
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["getComponentVersionFindings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/diff/{from}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what a version has otherwise than another one of its component
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["getComponentVersionDiff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the deployments that a version satisfies, or the nodes that are to run it
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["listComponentVersionUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/deprecation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Mark a published version as to be used no more, with the reason; deployments keep it
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        post: operations["deprecateComponentVersion"];
        /**
         * Take the mark off a version that was to be used no more
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        delete: operations["restoreComponentVersion"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the files of the folder from which the Greengrass Development Kit builds a version
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["exportComponentVersion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a version's files by path
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["listComponentFiles"];
        put?: never;
        /**
         * Declare a file of a draft, in place of one of the same path, and learn where to send its bytes
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        post: operations["createComponentFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a file of a version, with a URL to download it from
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["getComponentFile"];
        put?: never;
        post?: never;
        /**
         * Delete a file of a draft, with what was uploaded of it
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        delete: operations["deleteComponentFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/uploads/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the parts of a large file's upload: which have come, and where to send the others
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:read`.
         */
        get: operations["getComponentUpload"];
        put?: never;
        /**
         * Complete a large file's upload once all of its parts have come
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        post: operations["completeComponentUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/manifest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say which files a draft is to have, and learn which of them to send: those that changed
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        post: operations["applyComponentManifest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/components/{component}/versions/{version}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publish a draft: check its files, make it a Greengrass component version
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `components:write`.
         */
        post: operations["publishComponentVersion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List OTA releases in the order of their creation
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:read`.
         */
        get: operations["listReleases"];
        put?: never;
        /**
         * Create a draft OTA release and get a URL to upload its binary to
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        post: operations["createRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases/{release}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an OTA release
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:read`.
         */
        get: operations["getRelease"];
        put?: never;
        post?: never;
        /**
         * Delete an OTA release; if it is what devices get, they get the one before it, if it is still offered
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        delete: operations["deleteRelease"];
        options?: never;
        head?: never;
        /**
         * Change which devices get an OTA release, and when
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        patch: operations["updateRelease"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases/{release}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publish an OTA release: devices get it from then on; an older one again, to withdraw what is newer
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        post: operations["publishRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases/{release}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pause an OTA release: devices that do not have it get the one before it
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        post: operations["pauseRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases/{release}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resume an OTA release that is paused
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        post: operations["resumeRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases/{release}/withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Withdraw an OTA release: devices get the one before it, until it is published again
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        post: operations["withdrawRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases/{release}/promote": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publish an OTA release's content as a release in another environment, without another upload
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:write`.
         */
        post: operations["promoteRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/releases/{release}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was done to an OTA release, newest first: who, when and why
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `releases:read`.
         */
        get: operations["listReleaseChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ota/signing-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the public keys that devices check OTA releases with, and what each has signed of the next
         * @description Needs a valid token. Machine credentials with scopes need `ota:read`.
         */
        get: operations["getSigningKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/{workspace}/reports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say, as an anonymous device, what became of a release: installed, failed or rolled back
         * @description Needs no token.
         */
        post: operations["createReport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what has happened in a workspace in the last 7 days, oldest first
         * @description Events are listed in the order in which they arrived here, which is not quite that in which they happened: of one object `sequence` tells. `since` is about the arrival as well. Every event is there at least once; what is there twice has the same `id`. A page may be short or empty and still have `nextCursor`. To go on reading as events come, follow `nextCursor` to the last page, and ask later with the last page's `resume` as `cursor`. An event may come to stand up to 10 seconds behind others that were read, so `resume` never lies nearer to the present than that: what was listed since comes again, and is told by its `id`. Nothing is left out. A cursor that is more than 8 days old is refused with the rule `expired`: events that were not read are gone.
         *
         *     Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `events:read`.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/event-rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List which events may ask for which intents
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `event-rules:read`.
         */
        get: operations["listEventRules"];
        put?: never;
        /**
         * Let events of a source ask for intents in the workspace
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `event-rules:write`.
         */
        post: operations["createEventRule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/event-rules/{eventRule}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Let events of a source ask for nothing more
         * @description Needs the role `owner` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `event-rules:write`.
         */
        delete: operations["deleteEventRule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List webhooks in the order of their creation
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:read`.
         */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Create a webhook: events are sent to its URL, signed with the secret that is answered this once
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:write`.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/webhooks/{webhook}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a webhook
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:read`.
         */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /**
         * Delete a webhook: nothing more is sent
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:write`.
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Change a webhook, disable it, or enable it again
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:write`.
         */
        patch: operations["updateWebhook"];
        trace?: never;
    };
    "/v1/workspaces/{workspace}/webhooks/{webhook}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make another secret, answered this once; for a day everything is signed with the one before as well
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:write`.
         */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/webhooks/{webhook}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send an event that tells nothing to a webhook, once, and see what comes of it
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:read`.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/webhooks/{webhook}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was sent to a webhook in the last 30 days, newest event first
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:read`.
         */
        get: operations["listWebhookDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/webhooks/{webhook}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send again what was not delivered since a time, or one delivery
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `webhooks:write`.
         */
        post: operations["replayWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/intents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a workspace's intents, newest first
         * @description Needs the role `viewer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `intents:read`.
         */
        get: operations["listIntents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List who did what in a workspace, newest first
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `audit:read`.
         */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspace}/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export who did what in a workspace, newest first, a record a line, up to 1,000 at once
         * @description Needs the role `maintainer` or higher in the workspace. For others the workspace does not exist. Machine credentials with scopes need `audit:read`.
         */
        get: operations["exportAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/intents/{intent}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an intent: how far an accepted wish has come
         * @description Needs a valid token. Machine credentials with scopes need `intents:read`.
         */
        get: operations["getIntent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/event-schemas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the types of the events that are told on the bus and by webhooks
         * @description Needs no token.
         */
        get: operations["listEventTypes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/event-schemas/{type}/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the JSON Schema of events of a type and version
         * @description Needs no token.
         */
        get: operations["getEventSchema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get this document
         * @description Needs no token.
         */
        get: operations["getOpenapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read this document as a page
         * @description Needs no token.
         */
        get: operations["getDocs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    "slipway.intent.accepted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An intent was accepted
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayIntentAcceptedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.intent.started": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An intent's workflow has started
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayIntentStartedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.intent.succeeded": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An intent has succeeded
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayIntentSucceededEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.intent.failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An intent has failed; `problem` tells why
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayIntentFailedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.intent.granted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An event has asked for an intent, which was accepted: `intentId`
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayIntentGrantedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.intent.refused": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An event has asked for an intent, and there is none; `problem` tells why
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayIntentRefusedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.workspace.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A workspace can be used
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayWorkspaceCreatedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.workspace.changed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A workspace's description or settings were changed
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayWorkspaceChangedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.workspace.failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A workspace could not be created or deleted
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayWorkspaceFailedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.workspace.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A workspace is gone
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayWorkspaceDeletedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.node.registered": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A node's device has connected with a certificate for the first time
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayNodeRegisteredEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.node.connected": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A node's device is connected
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayNodeConnectedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.node.offline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A node's device is connected no more
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayNodeOfflineEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.component-version.published": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A component version can be deployed
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayComponentVersionPublishedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.component-version.failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A component version could not be published or deleted
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayComponentVersionFailedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.component-version.deprecated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A component version is to be used no more, or is again
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayComponentVersionDeprecatedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.component-version.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A component version is gone
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayComponentVersionDeletedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.deployment.revised": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A deployment has another revision
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayDeploymentRevisedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.deployment.succeeded": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A node's device runs what was delivered to it
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayDeploymentSucceededEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.deployment.failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A node's device could not do what was delivered to it; `error` tells why
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayDeploymentFailedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.drift.found": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Something was changed behind Slipway's back, or otherwise than was known
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayDriftFoundEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.drift.cleared": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What was changed behind Slipway's back is so no more
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayDriftClearedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.release.published": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Anonymous devices may get a release
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayReleasePublishedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.release.changed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A published release's terms or availability were changed
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayReleaseChangedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.release.failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A release could not be published or deleted
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayReleaseFailedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.release.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A release is gone
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayReleaseDeletedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.webhook.disabled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Nothing is sent to a webhook any more, since it failed for too long or was answered 410
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayWebhookDisabledEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.webhook.test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Somebody tries whether a webhook works; sent to that one alone
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayWebhookTestEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.push.succeeded": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A push has made its version
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayPushSucceededEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "slipway.push.failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A push has failed; `problem` tells why
         * @description Sent to the workspace's webhooks that listen for it; at least once, in no order.
         */
        post: operations["slipwayPushFailedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        AcceptInvitation: {
            /**
             * Format: password
             * @description The invitation's code
             */
            code: string;
        };
        AccessToken: {
            access_token: string;
            /** @constant */
            token_type: "Bearer";
            /** @description Seconds */
            expires_in: number;
            /** @description Absent for all that the credential's role may */
            scope?: string;
        };
        AuditChange: {
            type: string;
            id: string;
            name?: string;
            /** @description Absent for what was made */
            before?: Record<string, never>;
            /** @description Absent for what was deleted */
            after?: Record<string, never>;
        };
        AuditRecord: {
            /** @example aud_01jd8x2m6q7w3k9v5t4r */
            id: string;
            /** Format: date-time */
            at: string;
            /**
             * @description `user:{subject}`, `credential:{id}`, `event-rule:{id}`, `device:{node}`, `aws:{account or service}` for pushes, `anonymous` for what reports of devices lead to, or `system` for what workflows do
             * @example user:5f7c8ec7-c33c-4c00-94bb-afe82
             */
            actor: string;
            /**
             * @description The API operation, or what happened to a device or an intent
             * @example createNode
             * @example device.registered
             * @example intent.failed
             */
            operation: string;
            /** @description What it was done to */
            object: {
                /** @example node */
                type: string;
                id: string;
                name?: string;
            };
            /** @description Id of the intent that it asked for, or that ended */
            intent?: string;
            /** @description From where */
            source?: {
                ip: string;
                userAgent: string;
            };
            /** @description What was changed at once, of each thing that people know */
            changes: components["schemas"]["AuditChange"][];
        };
        Certificate: {
            /** @description AWS IoT's id: the SHA-256 of the certificate */
            id: string;
            /**
             * @description `pending` until the node first connects with it
             * @enum {string}
             */
            status: "pending" | "active" | "revoking" | "revoked";
            /** @description SHA-256 of the public key (SPKI, DER), in hexadecimal */
            keyFingerprint: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            activatedAt?: string;
            /** Format: date-time */
            revokedAt?: string;
        };
        ChangeAvailability: {
            /** @description Why, for whoever reads the history */
            reason?: string;
        };
        Component: {
            id: string;
            name: string;
            /** @description Free text for people */
            description?: string;
            publisher?: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        ComponentFile: {
            path: string;
            size: number;
            /** @description SHA-256 of the file, hexadecimal */
            sha256: string;
            /** Format: date-time */
            createdAt: string;
        };
        ComponentVersion: {
            id: string;
            /** @description Name of the component */
            component: string;
            /** @example 1.0.0 */
            version: string;
            /** @description Free text for people */
            description?: string;
            /** @enum {string} */
            status: "draft" | "publishing" | "published" | "failed" | "deleting";
            /**
             * @description What the recipe makes of it; generic unless it says so
             * @enum {string}
             */
            componentType?: "aws.greengrass.generic" | "aws.greengrass.lambda" | "aws.greengrass.plugin" | "aws.greengrass.nucleus";
            /** @description Id of the version that it was made from */
            clonedFrom?: string;
            /**
             * @description How it stands with the copies of that version's files, or of those of a push, until all are there. Before, files cannot be changed, nor the version be published; where it failed, the version can just be deleted, or pushed again
             * @enum {string}
             */
            copying?: "running" | "failed";
            recipe?: components["schemas"]["Recipe"];
            recipeText?: components["schemas"]["OwnRecipe"];
            /** @description The recipe of one's own as it was read */
            document?: Record<string, never>;
            /** @description Greengrass's ARN, once published */
            arn?: string;
            /** @description Bytes of all files below dist/, once published */
            artifactBytes?: number;
            imported?: components["schemas"]["Imported"];
            deprecated?: components["schemas"]["Deprecation"];
            /** @description Place in the order of publication */
            catalogueNumber?: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        /** @description What a version has otherwise than another one. URIs of their own artifacts are told by their placeholders */
        ComponentVersionDiff: {
            from: {
                id: string;
                version: string;
            };
            to: {
                id: string;
                version: string;
            };
            recipe: {
                /** @description JSON pointer into the recipe as it is published */
                pointer: string;
                /** @enum {string} */
                change: "added" | "removed" | "changed";
                from?: unknown;
                to?: unknown;
            }[];
            files: {
                path: string;
                /** @enum {string} */
                change: "added" | "removed" | "changed";
                from?: {
                    size: number;
                    sha256: string;
                };
                to?: {
                    size: number;
                    sha256: string;
                };
            }[];
        };
        /** @description A version without its recipe */
        ComponentVersionEvent: {
            id: string;
            component: string;
            version: string;
            /** @enum {string} */
            status: "draft" | "publishing" | "published" | "failed" | "deleting";
            arn?: string;
            catalogueNumber?: number;
            deprecated?: {
                reason: string;
                /** Format: date-time */
                at: string;
                by: string;
            };
        };
        ComponentWish: {
            /**
             * @description An exact version or an npm-style range
             * @example 1.0.0
             * @example ^1.2.0
             */
            version: string;
            /** @description Configuration to merge (RFC 7396) */
            merge?: Record<string, never>;
            /** @description JSON pointers of configuration to put back to its default */
            reset?: string[];
            runWith?: components["schemas"]["RunWith"];
        };
        CreateComponent: {
            name: string;
            /** @description Free text for people */
            description?: string;
            /** @description Shown in the recipe */
            publisher?: string;
        };
        CreateComponentVersion: {
            /** @example 1.0.0 */
            version: string;
            /** @description Version or id of another version of the component, of which what is not said here is taken */
            from?: string;
            /** @description Free text for people */
            description?: string;
            /** @description The short form, from which the recipe is built */
            recipe?: components["schemas"]["ShortRecipe"];
            /** @description A recipe of one's own, in place of the short form */
            recipeText?: components["schemas"]["RecipeText"];
        };
        CreateCredential: {
            /** @description For people; several may have the same */
            name: string;
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
            /** @description The operations that it is for, within its role; all that the role may, if nothing is said */
            scopes?: string[];
            /**
             * @description 5 minutes to a year, 90 days if nothing is said
             * @default 7776000
             */
            expiresInSeconds?: number;
        };
        CreateEventRule: {
            /** @description What `source` of the events must be: who may put such events is IAM's to say */
            source: string;
            /** @description What they may ask for */
            operations: ("deleteWorkspace" | "createNodeGroup" | "deleteNodeGroup" | "updateNodeGroupDeployment" | "replaceNodeGroupDeployment" | "deleteNodeGroupDeployment" | "refreshNodeGroupDeployment" | "rollBackNodeGroupDeployment" | "updateNodeDeployment" | "replaceNodeDeployment" | "deleteNodeDeployment" | "refreshNodeDeployment" | "rollBackNodeDeployment" | "createNode" | "updateNodeMemberships" | "deleteNode" | "revokeNodeCertificate" | "repairDrift" | "adoptDrift" | "startNodeImport" | "deleteNodeImport" | "importComponent" | "publishComponentVersion" | "deleteComponentVersion" | "publishRelease" | "promoteRelease" | "deleteRelease")[];
            /** @description Free text for people */
            description?: string;
        };
        CreateFile: {
            path: string;
            size: number;
            /** @description SHA-256 of the file, hexadecimal */
            sha256: string;
        };
        CreateInvitation: {
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
            /**
             * @description Who alone may accept; anyone with the code, if nothing is said
             * @example auth0|5f7c8ec7c33c6c004bbafe82
             */
            subject?: string;
            /**
             * @description 5 minutes to 30 days, a week if nothing is said
             * @default 604800
             */
            expiresInSeconds?: number;
        };
        CreateNode: {
            name: string;
            /** @description Free text for people */
            description?: string;
            /**
             * @description Names or ids of its node groups
             * @default []
             */
            groups?: string[];
            /**
             * @description The Greengrass runtime on the device
             * @default nucleus
             * @enum {string}
             */
            runtime?: "nucleus" | "nucleus-lite";
            /** @description Attributes of its AWS IoT thing, by which fleets are indexed and searched */
            attributes?: {
                [key: string]: string;
            };
            /**
             * @description Seconds until the token ends: 5 minutes to 30 days, a day if nothing is said
             * @default 86400
             */
            tokenExpiresInSeconds?: number;
            /** @description Hash of the plan of just this node, as `newNodes` names it: refused where that would differ now */
            plan?: string;
        };
        CreateNodeGroup: {
            name: string;
            /** @description Free text for people */
            description?: string;
        };
        CreateNodeImport: {
            /**
             * @description csv: RFC 4180 in UTF-8, the first line names the columns: name, description, groups (separated by semicolons), runtime, attributes (a JSON object), attr.NAME. jsonl: a JSON object on each line, with the members of CreateNode but the token's life
             * @enum {string}
             */
            format: "csv" | "jsonl";
            size: number;
            /** @description SHA-256 of the file, hexadecimal */
            sha256: string;
            /**
             * @description Seconds until a node's token ends: an hour to 30 days, a week if nothing is said
             * @default 604800
             */
            tokenExpiresInSeconds?: number;
        };
        CreateRegistrationToken: {
            /**
             * @description Seconds until the token ends: 5 minutes to 30 days, a day if nothing is said
             * @default 86400
             */
            expiresInSeconds?: number;
        };
        CreateRelease: {
            /** @description The app; devices ask for it by this name, in any case */
            app: string;
            /** @description Such as prod or beta */
            environment: string;
            version: string;
            /**
             * @description Devices that state one of these (attrX=environment) get the release
             * @default []
             */
            attributes?: string[];
            /**
             * @description Only devices with one of these get it; with none, all
             * @default []
             */
            cpuArch?: string[];
            /**
             * @description Only devices that state one of these in X-Device-Hardware get it; with none, all
             * @default []
             */
            hardware?: string[];
            /** @description Only devices that are known, by a hash they list, to have this version or a newer one get it */
            minimumVersion?: string;
            /**
             * @description Per cent of the devices, by the id that they state in X-Device-Id
             * @default 100
             */
            rollout?: number;
            /** @description A rollout to less than 100 % is paused when more per cent of the reports are of failures */
            pauseAbove?: number;
            /**
             * Format: date-time
             * @description No device gets it earlier
             */
            notBefore?: string;
            /**
             * @description Devices that have a newer version get it as well
             * @default false
             */
            allowDowngrade?: boolean;
            size: number;
            /** @description SHA-256 of the binary, hexadecimal */
            sha256: string;
        };
        CreateToken: {
            /** @example client_credentials */
            grant_type: string;
            /** @description Scopes of the credential, with blanks between; all if absent */
            scope?: string;
            /** @description The credential's id, where no Basic authentication has it */
            client_id?: string;
            /**
             * Format: password
             * @description The credential's secret, likewise
             */
            client_secret?: string;
        };
        CreateWebhook: {
            /** @description Where events are sent by POST: HTTPS, at a public address */
            url: string;
            /**
             * @description Types of events that are sent; `slipway.node.*` for all of nodes, `*` for all
             * @default [
             *       "*"
             *     ]
             */
            events?: ("*" | "slipway.intent.*" | "slipway.workspace.*" | "slipway.node.*" | "slipway.component-version.*" | "slipway.deployment.*" | "slipway.drift.*" | "slipway.release.*" | "slipway.webhook.*" | "slipway.push.*" | "slipway.intent.accepted" | "slipway.intent.started" | "slipway.intent.succeeded" | "slipway.intent.failed" | "slipway.intent.granted" | "slipway.intent.refused" | "slipway.workspace.created" | "slipway.workspace.changed" | "slipway.workspace.failed" | "slipway.workspace.deleted" | "slipway.node.registered" | "slipway.node.connected" | "slipway.node.offline" | "slipway.component-version.published" | "slipway.component-version.failed" | "slipway.component-version.deprecated" | "slipway.component-version.deleted" | "slipway.deployment.revised" | "slipway.deployment.succeeded" | "slipway.deployment.failed" | "slipway.drift.found" | "slipway.drift.cleared" | "slipway.release.published" | "slipway.release.changed" | "slipway.release.failed" | "slipway.release.deleted" | "slipway.webhook.disabled" | "slipway.webhook.test" | "slipway.push.succeeded" | "slipway.push.failed")[];
            /** @description Free text for people */
            description?: string;
        };
        CreateWorkspace: {
            /**
             * @description Unique in the stage; part of bucket and OTA URLs
             * @example acme
             */
            name: string;
            /** @description Free text for people */
            description?: string;
        };
        CreatedCredential: {
            /**
             * @description Also its OAuth client id
             * @example crd_01jd8x2m6q7w3k9v5t4r
             */
            id: string;
            name: string;
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
            /** @description The operations that it is for, within its role; all that the role may, if nothing is said */
            scopes?: string[];
            /** @description Subject of who created it */
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
            /**
             * Format: date-time
             * @description To the hour
             */
            lastUsedAt?: string;
            /** @description Its OAuth client secret. Shown this once: only its hash is kept */
            secret: string;
        };
        /** @description Without `upload` and `uploadHref`, the very bytes are there already */
        CreatedFile: {
            path: string;
            size: number;
            /** @description SHA-256 of the file, hexadecimal */
            sha256: string;
            /** Format: date-time */
            createdAt: string;
            /** @description Where to send the bytes, of a file of up to 64 MiB */
            upload?: components["schemas"]["Upload"];
            /** @description Where to ask for the URLs of a larger file's parts */
            uploadHref?: string;
        };
        CreatedInvitation: {
            id: string;
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
            /**
             * @description `sub` of the member's tokens
             * @example auth0|5f7c8ec7c33c6c004bbafe82
             */
            subject?: string;
            /** @description Subject of who invites */
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
            /** @description Shown this once: only its hash is kept */
            code: string;
        };
        CreatedNode: {
            /** @example int_01jd8x2m6q7w3k9v5t4r */
            id: string;
            /** @enum {string} */
            kind: "workspace.create" | "workspace.delete" | "node-group.create" | "node-group.delete" | "node.create" | "node.move" | "node.delete" | "node-import.run" | "node-import.delete" | "certificate.revoke" | "component.import" | "component-version.copy" | "component-version.push" | "component-version.publish" | "component-version.delete" | "deployment.apply" | "drift.repair" | "release.publish" | "release.delete" | "release.pause" | "archive.create";
            /** @enum {string} */
            status: "requested" | "running" | "succeeded" | "failed";
            workspaceId: string;
            subject: {
                /** @enum {string} */
                type: "workspace" | "node-group" | "node" | "node-import" | "certificate" | "component" | "component-version" | "deployment" | "drift" | "release" | "archive";
                id: string;
                name: string;
                href: string;
            };
            attempt: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            /** Format: date-time */
            finishedAt?: string;
            /** @description Why it failed */
            problem?: components["schemas"]["Problem"];
            /** @description Absent in an answer that is replayed: ask for another token */
            registration?: components["schemas"]["RegistrationToken"];
        };
        CreatedNodeImport: {
            id: string;
            /** @enum {string} */
            status: "draft" | "running" | "succeeded" | "failed" | "deleting";
            /** @enum {string} */
            format: "csv" | "jsonl";
            size: number;
            sha256: string;
            tokenExpiresInSeconds: number;
            /** @description How far it has come, batch by batch */
            counts: {
                /** @description In the file; known once it was checked */
                rows?: number;
                /** @description Nodes that this import has created */
                created: number;
                /** @description Rows whose node was there before: nothing was done */
                existing: number;
                /** @description Nodes that could not be created; the results say why */
                failed: number;
                /** @description Registration tokens in the results */
                tokens: number;
            };
            /** @description How many faults the file has; with any, no node is created */
            faultCount: number;
            /** @description The first 100 of them */
            faults: {
                line: number;
                field?: string;
                rule: string;
                detail: string;
            }[];
            /** @description Of the latest run; it tells why a run has failed */
            intent?: string;
            /** @description A CSV file of line, name, status, id, token, expiresAt and detail. For operators and above, once a run has ended; gone a week after that */
            results?: components["schemas"]["Link"];
            /** @description JSON Lines of the first 1000 faults. For operators and above */
            faultFile?: components["schemas"]["Link"];
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            upload: components["schemas"]["Upload"];
        };
        CreatedRelease: {
            id: string;
            app: string;
            environment: string;
            version: string;
            attributes: string[];
            cpuArch: string[];
            hardware: string[];
            minimumVersion?: string;
            rollout: number;
            pauseAbove?: number;
            /** Format: date-time */
            notBefore?: string;
            allowDowngrade: boolean;
            /** @enum {string} */
            status: "draft" | "publishing" | "published" | "failed" | "deleting";
            /**
             * @description Whether devices get it, once it was published
             * @enum {string}
             */
            availability?: "offered" | "paused" | "withdrawn" | "superseded";
            /**
             * Format: date-time
             * @description When it was last published
             */
            publishedAt?: string;
            /** @description The release whose content it has */
            promotedFrom?: string;
            size: number;
            sha256: string;
            /** @description Known once published */
            md5?: string;
            /** @description What devices say of it; not in lists */
            reports?: components["schemas"]["ReportCounts"];
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            upload: components["schemas"]["Upload"];
        };
        CreatedWebhook: {
            id: string;
            url: string;
            events: string[];
            /** @description Free text for people */
            description?: string;
            enabled: boolean;
            /** @description Why Slipway sends nothing any more: it failed for too long, or was answered 410 */
            disabled?: {
                reason: string;
                /** Format: date-time */
                at: string;
            };
            /**
             * Format: date-time
             * @description Since when nothing could be delivered
             */
            failingSince?: string;
            /**
             * Format: date-time
             * @description Until when everything is signed with the secret before as well
             */
            previousSecretUntil?: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            /** @description What signatures are made with. Shown this once */
            secret: string;
        };
        /** @description What a machine asks for access tokens with */
        Credential: {
            /**
             * @description Also its OAuth client id
             * @example crd_01jd8x2m6q7w3k9v5t4r
             */
            id: string;
            name: string;
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
            /** @description The operations that it is for, within its role; all that the role may, if nothing is said */
            scopes?: string[];
            /** @description Subject of who created it */
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
            /**
             * Format: date-time
             * @description To the hour
             */
            lastUsedAt?: string;
        };
        /** @description What a target wants; one per node group or node */
        Deployment: {
            target: {
                /** @enum {string} */
                type: "node-group" | "node";
                id: string;
                name: string;
            };
            revision: number;
            priority: number;
            /** @description Number of the newest published version when this revision was made */
            catalogue: number;
            components: {
                [key: string]: components["schemas"]["KeptComponent"];
            };
            /** @description Takes newly published versions as they come */
            autoUpdate?: boolean;
            policies?: components["schemas"]["DeploymentPolicies"];
            rollout?: components["schemas"]["DeploymentRollout"];
            change?: components["schemas"]["DeploymentChange"];
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        DeploymentChange: {
            /** @enum {string} */
            kind: "patch" | "replace" | "refresh" | "rollback" | "delete" | "auto-update";
            /** @description What the caller gave as the reason */
            reason?: string;
            /** @description The revision that a rollback restored */
            rolledBackTo?: number;
        };
        /** @description What leads from one revision to another */
        DeploymentDifferences: {
            /** @description 0 for nothing, before the first revision */
            from: number;
            to: number;
            components: {
                [key: string]: {
                    /** @enum {string} */
                    change: "added" | "removed" | "changed";
                    before?: components["schemas"]["KeptComponent"];
                    after?: components["schemas"]["KeptComponent"];
                };
            };
            priority?: {
                before: number;
                after: number;
            };
            /** @description autoUpdate, policies and rollout, where they differ */
            settings: {
                [key: string]: {
                    before?: unknown;
                    after?: unknown;
                };
            };
        };
        /** @description A revision without what it says of components: ask the API for that */
        DeploymentEvent: {
            target: {
                /** @enum {string} */
                type: "node-group" | "node";
                id: string;
            };
            revision: number;
            priority: number;
            catalogue: number;
            /** @description How the revision came to be; absent for the first */
            change?: {
                kind: string;
                reason?: string;
                rolledBackTo?: number;
            };
            requestedBy: string;
        };
        DeploymentPatch: {
            /** @description Components to add or change by name; null removes one. Others stay as they are */
            components?: {
                [key: string]: components["schemas"]["ComponentWish"] | null;
            };
            /** @description Decides between groups; higher wins */
            priority?: number;
            /** @description Takes newly published versions as they come */
            autoUpdate?: boolean;
            /** @description As a whole; null leaves all to Greengrass */
            policies?: components["schemas"]["DeploymentPolicies"] | null;
            /** @description As a whole; null leaves all to AWS IoT */
            rollout?: components["schemas"]["DeploymentRollout"] | null;
            /** @description Why; kept with the revision */
            reason?: string;
            /** @description Hash of the plan of just this edit: refused where that would differ now */
            plan?: string;
        };
        DeploymentPolicies: {
            /** @enum {string} */
            failureHandling?: "rollback" | "do-nothing";
            /** @description Whether components are asked before an update, and how long they may defer it */
            componentUpdate?: {
                /** @enum {string} */
                action: "notify" | "skip-notify";
                timeoutSeconds?: number;
            };
            /** @description How long components may take to check a configuration */
            validationSeconds?: number;
        };
        DeploymentRefresh: {
            /** @description Those that see what was published since; all without it */
            components?: string[];
            /** @description Why; kept with the revision */
            reason?: string;
            /** @description Hash of the plan of just this edit: refused where that would differ now */
            plan?: string;
        };
        DeploymentReplacement: {
            components: {
                [key: string]: components["schemas"]["ComponentWish"];
            };
            /**
             * @description Decides between groups; higher wins
             * @default 0
             */
            priority?: number;
            /** @description Takes newly published versions as they come */
            autoUpdate?: boolean;
            policies?: components["schemas"]["DeploymentPolicies"];
            rollout?: components["schemas"]["DeploymentRollout"];
            /** @description Why; kept with the revision */
            reason?: string;
            /** @description Hash of the plan of just this replacement */
            plan: string;
        };
        /** @description What a deployment said, and who made it so, when and why */
        DeploymentRevision: {
            revision: number;
            priority: number;
            /** @description Number of the newest published version when this revision was made */
            catalogue: number;
            /** @description Takes newly published versions as they come */
            autoUpdate?: boolean;
            change?: components["schemas"]["DeploymentChange"];
            /** @description Subject of who asked for it */
            requestedBy: string;
            /** Format: date-time */
            at: string;
            components: {
                [key: string]: components["schemas"]["KeptComponent"];
            };
            policies?: components["schemas"]["DeploymentPolicies"];
            rollout?: components["schemas"]["DeploymentRollout"];
        };
        DeploymentRollback: {
            /** @description The revision that is said again */
            revision: number;
            /** @description Why; kept with the revision */
            reason?: string;
            /** @description Hash of the plan of just this edit: refused where that would differ now */
            plan?: string;
        };
        DeploymentRollout: {
            /** @description Devices told in a minute */
            maximumPerMinute?: number;
            exponential?: {
                baseRatePerMinute: number;
                incrementFactor: number;
                /** @description Devices after which the rate grows by the factor */
                increaseAfter: {
                    notified: number;
                } | {
                    succeeded: number;
                };
            };
            /** @description Shares of failures at which no more devices are told */
            abort?: {
                /** @enum {string} */
                failure: "failed" | "rejected" | "timed-out" | "all";
                thresholdPercentage: number;
                minimumExecuted: number;
            }[];
            /** @description How long a device may be at it */
            timeoutMinutes?: number;
        };
        /** @description How far a node group's deployment has come */
        DeploymentStatus: {
            revision: number;
            nodes: number;
            succeeded: number;
            inProgress: number;
            failed: number;
            unreachable: number;
            cells: {
                key: string;
                targets: string[];
                /** @description Delivered: those that Greengrass delivers to as members of the cell */
                nodes: {
                    wanted: number;
                    delivered: number;
                    waiting: number;
                };
                /** @description Thing groups that deliver to it */
                generations: number;
                hash?: string;
                /** @description Why what is wanted cannot be delivered */
                error?: string;
            }[];
        };
        DeprecateComponentVersion: {
            /** @description For those who would use it */
            reason: string;
        };
        /** @description That it is to be used no more, why, and who said so */
        Deprecation: {
            reason: string;
            /** Format: date-time */
            at: string;
            by: string;
        };
        /** @description What was changed behind Slipway's back */
        Drift: {
            id: string;
            /** @enum {string} */
            kind: "components" | "cell-membership" | "group-membership" | "thing-deployment" | "foreign-deployment" | "cell-missing" | "cell-deployment" | "cell-stranger" | "group-missing" | "group-deployment";
            subject: {
                /** @enum {string} */
                type: "node" | "cell" | "node-group";
                id: string;
                name?: string;
            };
            detail: string;
            /**
             * Format: date-time
             * @description When it was first found
             */
            since: string;
            repair: {
                possible: boolean;
                /** @description Why not, and what to do instead */
                reason?: string;
            };
            adopt: {
                possible: boolean;
                /** @description Why not, and what to do instead */
                reason?: string;
            };
            /** @description The intent that was last asked to put it right */
            intent?: string;
        };
        /** @description What was changed behind Slipway's back */
        DriftEvent: {
            id: string;
            /** @enum {string} */
            kind: "components" | "cell-membership" | "group-membership" | "thing-deployment" | "foreign-deployment" | "cell-missing" | "cell-deployment" | "cell-stranger" | "group-missing" | "group-deployment";
            subject: {
                /** @enum {string} */
                type: "node" | "cell" | "node-group";
                id: string;
                name?: string;
            };
            detail: string;
            /** Format: date-time */
            since: string;
        };
        /** @description What is published already stays as it is */
        EditComponent: {
            /** @description null removes it */
            description?: string | null;
            /** @description null removes it: recipes have the name then */
            publisher?: string | null;
        };
        /** @description A recipe is replaced as a whole */
        EditComponentVersion: {
            /** @description null removes it */
            description?: string | null;
            /** @description The short form, from which the recipe is built */
            recipe?: components["schemas"]["ShortRecipe"];
            /** @description A recipe of one's own, in place of the short form */
            recipeText?: components["schemas"]["RecipeText"];
        };
        EditDescription: {
            /** @description null removes it */
            description: string | null;
        };
        EditMember: {
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
        };
        EditMemberships: {
            /** @description Names or ids of node groups to join */
            add?: string[];
            /** @description Names or ids of node groups to leave */
            remove?: string[];
            /** @description Hash of the plan of just this change: refused where that would differ now */
            plan?: string;
        };
        /** @description Terms that are absent stay as they are; null removes one */
        EditRelease: {
            /** @description Devices that state one of these (attrX=environment) get the release */
            attributes?: string[];
            /** @description Only devices that state one of these in X-Device-Hardware get it; with none, all */
            hardware?: string[];
            minimumVersion?: string | null;
            /** @description Per cent of the devices, by the id that they state in X-Device-Id */
            rollout?: number;
            pauseAbove?: number | null;
            notBefore?: string | null;
            /** @description Devices that have a newer version get it as well */
            allowDowngrade?: boolean;
            /** @description Why, for whoever reads the history */
            reason?: string;
        };
        /** @description What is absent stays as it is */
        EditWebhook: {
            /** @description Where events are sent by POST: HTTPS, at a public address */
            url?: string;
            /** @description Types of events that are sent; `slipway.node.*` for all of nodes, `*` for all */
            events?: ("*" | "slipway.intent.*" | "slipway.workspace.*" | "slipway.node.*" | "slipway.component-version.*" | "slipway.deployment.*" | "slipway.drift.*" | "slipway.release.*" | "slipway.webhook.*" | "slipway.push.*" | "slipway.intent.accepted" | "slipway.intent.started" | "slipway.intent.succeeded" | "slipway.intent.failed" | "slipway.intent.granted" | "slipway.intent.refused" | "slipway.workspace.created" | "slipway.workspace.changed" | "slipway.workspace.failed" | "slipway.workspace.deleted" | "slipway.node.registered" | "slipway.node.connected" | "slipway.node.offline" | "slipway.component-version.published" | "slipway.component-version.failed" | "slipway.component-version.deprecated" | "slipway.component-version.deleted" | "slipway.deployment.revised" | "slipway.deployment.succeeded" | "slipway.deployment.failed" | "slipway.drift.found" | "slipway.drift.cleared" | "slipway.release.published" | "slipway.release.changed" | "slipway.release.failed" | "slipway.release.deleted" | "slipway.webhook.disabled" | "slipway.webhook.test" | "slipway.push.succeeded" | "slipway.push.failed")[];
            /** @description null removes it */
            description?: string | null;
            /** @description Whether events are sent; while not, they are kept to be replayed */
            enabled?: boolean;
        };
        /** @description What is absent stays as it is */
        EditWorkspace: {
            /** @description null removes it */
            description?: string | null;
            ota?: {
                /** @description How long devices are asked to wait between polls; up to a quarter is added at random */
                pollSeconds?: number;
                /** @description Devices are answered 503 with Retry-After, whatever they ask */
                isStopped?: boolean;
            };
        };
        Event: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that an event is told */
            id: string;
            /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
            source: string;
            /** @description Id of the object that the event is about */
            subject: string;
            /** Format: date-time */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            /** @description URI of the JSON Schema of an event of this type and version */
            dataschema: string;
            /** @description Absent where no workspace is known */
            workspaceid?: string;
            /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
            sequence: string;
            type: string;
            data: {
                [key: string]: unknown;
            };
        };
        /** @description That events of a source may ask for these operations in the workspace */
        EventRule: {
            id: string;
            source: string;
            operations: string[];
            /** @description Free text for people */
            description?: string;
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
        };
        EventType: {
            type: string;
            version: number;
            description: string;
            /** @description Path of its JSON Schema */
            schema: string;
        };
        FolderFile: {
            /** @description Where it goes, below the folder */
            path: string;
            size: number;
            /** @description What it holds, of files that are made for this */
            text?: string;
            sha256?: string;
            download?: {
                /** Format: uri */
                url: string;
                /** Format: date-time */
                expiresAt: string;
            };
        };
        FoundFile: {
            path: string;
            size: number;
            /** @description SHA-256 of the file, hexadecimal */
            sha256: string;
            /** Format: date-time */
            createdAt: string;
            uploaded: boolean;
            /** @description Where the bytes are, once they were uploaded */
            download?: {
                /** Format: uri */
                url: string;
                /** Format: date-time */
                expiresAt: string;
            };
        };
        ImportComponent: {
            /** @description One of the account's own, or one of AWS's, which begin with aws.greengrass. */
            name: string;
        };
        /** @description That Greengrass had it before: devices download its artifacts from where they were */
        Imported: {
            /** Format: date-time */
            at: string;
            /** @description URIs of artifacts that could not be copied */
            missing: string[];
        };
        /** @description An accepted wish and how far it has come */
        Intent: {
            /** @example int_01jd8x2m6q7w3k9v5t4r */
            id: string;
            /** @enum {string} */
            kind: "workspace.create" | "workspace.delete" | "node-group.create" | "node-group.delete" | "node.create" | "node.move" | "node.delete" | "node-import.run" | "node-import.delete" | "certificate.revoke" | "component.import" | "component-version.copy" | "component-version.push" | "component-version.publish" | "component-version.delete" | "deployment.apply" | "drift.repair" | "release.publish" | "release.delete" | "release.pause" | "archive.create";
            /** @enum {string} */
            status: "requested" | "running" | "succeeded" | "failed";
            workspaceId: string;
            subject: {
                /** @enum {string} */
                type: "workspace" | "node-group" | "node" | "node-import" | "certificate" | "component" | "component-version" | "deployment" | "drift" | "release" | "archive";
                id: string;
                name: string;
                href: string;
            };
            attempt: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            /** Format: date-time */
            finishedAt?: string;
            /** @description Why it failed */
            problem?: components["schemas"]["Problem"];
        };
        IntentEvent: {
            /** @example int_01jd8x2m6q7w3k9v5t4r */
            id: string;
            /** @enum {string} */
            kind: "workspace.create" | "workspace.delete" | "node-group.create" | "node-group.delete" | "node.create" | "node.move" | "node.delete" | "node-import.run" | "node-import.delete" | "certificate.revoke" | "component.import" | "component-version.copy" | "component-version.push" | "component-version.publish" | "component-version.delete" | "deployment.apply" | "drift.repair" | "release.publish" | "release.delete" | "release.pause" | "archive.create";
            /** @enum {string} */
            status: "requested" | "running" | "succeeded" | "failed";
            workspaceId: string;
            subject: {
                /** @enum {string} */
                type: "workspace" | "node-group" | "node" | "node-import" | "certificate" | "component" | "component-version" | "deployment" | "drift" | "release" | "archive";
                id: string;
                name: string;
                href: string;
            };
            attempt: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            /** Format: date-time */
            finishedAt?: string;
            /** @description Why it failed */
            problem?: components["schemas"]["Problem"];
            /** @description Subject of who asked for it */
            requestedBy: string;
        };
        /** @description What came of an event that asked for an intent */
        IntentRequestEvent: {
            /** @description `id` of the event's detail, or of the event itself */
            requestId: string;
            source: string;
            operation?: string;
            intentId?: string;
            problem?: components["schemas"]["Problem"];
        };
        Invitation: {
            id: string;
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
            /**
             * @description `sub` of the member's tokens
             * @example auth0|5f7c8ec7c33c6c004bbafe82
             */
            subject?: string;
            /** @description Subject of who invites */
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
        };
        /** @description What the caller is a member of from now on */
        Joined: {
            workspace: {
                id: string;
                name: string;
            };
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
        };
        KeptComponent: {
            /**
             * @description An exact version or an npm-style range
             * @example 1.0.0
             * @example ^1.2.0
             */
            version: string;
            /** @description Configuration to merge (RFC 7396) */
            merge?: Record<string, never>;
            /** @description JSON pointers of configuration to put back to its default */
            reset?: string[];
            runWith?: components["schemas"]["RunWith"];
            /** @description Resolution sees versions published up to this number: that of the edit which last named the component */
            catalogue: number;
        };
        /** @description Works for a quarter of an hour; another GET gives another one */
        Link: {
            /** Format: uri */
            url: string;
            /** Format: date-time */
            expiresAt: string;
        };
        /** @description A version without its recipe, where that is one's own */
        ListedComponentVersion: {
            id: string;
            /** @description Name of the component */
            component: string;
            /** @example 1.0.0 */
            version: string;
            /** @description Free text for people */
            description?: string;
            /** @enum {string} */
            status: "draft" | "publishing" | "published" | "failed" | "deleting";
            /**
             * @description What the recipe makes of it; generic unless it says so
             * @enum {string}
             */
            componentType?: "aws.greengrass.generic" | "aws.greengrass.lambda" | "aws.greengrass.plugin" | "aws.greengrass.nucleus";
            /** @description Id of the version that it was made from */
            clonedFrom?: string;
            /**
             * @description How it stands with the copies of that version's files, or of those of a push, until all are there. Before, files cannot be changed, nor the version be published; where it failed, the version can just be deleted, or pushed again
             * @enum {string}
             */
            copying?: "running" | "failed";
            recipe?: components["schemas"]["Recipe"];
            /** @description Greengrass's ARN, once published */
            arn?: string;
            /** @description Bytes of all files below dist/, once published */
            artifactBytes?: number;
            imported?: components["schemas"]["Imported"];
            deprecated?: components["schemas"]["Deprecation"];
            /** @description Place in the order of publication */
            catalogueNumber?: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        ListedComponentVersions: {
            items: components["schemas"]["ListedComponentVersion"][];
            /** @description Absent on the last page */
            nextCursor?: string;
            /** @description The version that was published last */
            newest?: {
                id: string;
                version: string;
            };
            /** @description The highest of the published versions */
            highest?: {
                id: string;
                version: string;
            };
        };
        ListedDeploymentRevision: {
            revision: number;
            priority: number;
            /** @description Number of the newest published version when this revision was made */
            catalogue: number;
            /** @description Takes newly published versions as they come */
            autoUpdate?: boolean;
            change?: components["schemas"]["DeploymentChange"];
            /** @description Subject of who asked for it */
            requestedBy: string;
            /** Format: date-time */
            at: string;
        };
        /** @description The files that a draft is to have */
        Manifest: {
            files: components["schemas"]["CreateFile"][];
            /**
             * @description Remove files that are not in the manifest
             * @default false
             */
            prune?: boolean;
        };
        ManifestAnswer: {
            items: {
                path: string;
                /** @enum {string} */
                status: "skipped" | "upload";
                /** @description Where to send the bytes, of a file of up to 64 MiB */
                upload?: components["schemas"]["Upload"];
                /** @description Where to ask for the URLs of a larger file's parts */
                uploadHref?: string;
            }[];
            /** @description Files that are not in the manifest; gone if `prune` was asked for */
            extra: string[];
            /** @description Send what is asked for here, then the same manifest again */
            more: boolean;
        };
        Member: {
            /**
             * @description Stands for the subject in paths
             * @example mem_01jd8x2m6q7w3k9v5t4r
             */
            id: string;
            /**
             * @description `sub` of the member's tokens
             * @example auth0|5f7c8ec7c33c6c004bbafe82
             */
            subject: string;
            /**
             * @description Each may do what those before it may
             * @enum {string}
             */
            role: "viewer" | "operator" | "maintainer" | "owner";
            /** @description Subject of who invited the member */
            invitedBy?: string;
            /** Format: date-time */
            createdAt: string;
        };
        Node: {
            id: string;
            name: string;
            /** @description Free text for people */
            description?: string;
            /** @enum {string} */
            status: "creating" | "active" | "deleting" | "failed";
            /** @description Ids of its node groups */
            groups: string[];
            /**
             * @description The Greengrass runtime on the device
             * @enum {string}
             */
            runtime: "nucleus" | "nucleus-lite";
            /** @description Attributes of its AWS IoT thing, by which fleets are indexed and searched */
            attributes?: {
                [key: string]: string;
            };
            /** @description Name of its AWS IoT thing, which is also its Greengrass core device */
            thing: string;
            /**
             * Format: date-time
             * @description When its registration token ends; absent when it has none that could still be used
             */
            tokenExpiresAt?: string;
            /**
             * Format: date-time
             * @description When its device first connected
             */
            registeredAt?: string;
            /** @description As AWS IoT last told; the ETag does not cover it */
            connection?: {
                connected: boolean;
                /** Format: date-time */
                since: string;
            };
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        /** @description How a node's device is with what was delivered to it */
        NodeDeploymentEvent: {
            nodeId: string;
            /** @description Of the Greengrass deployment */
            deploymentId?: string;
            /** @description The device's word for the failure */
            error?: string;
        };
        /** @description What is wanted of a node, what was delivered, what it reports */
        NodeDeploymentStatus: {
            id: string;
            name: string;
            /**
             * @description How the node is with what it is to run now. A device that cannot be reached is told as unreachable while it has not ended that
             * @enum {string}
             */
            state: "succeeded" | "in-progress" | "failed" | "unreachable";
            /** Format: date-time */
            since: string;
            /** @description The device's word for it, or why nothing can be delivered */
            error?: string;
            /** @description The device's error codes, from the most general on */
            readonly errors?: string[];
            /** @description What the node's deployments make of it */
            wanted: {
                cell: string;
                hash?: string;
                /** @description Component to exact version */
                components?: {
                    [key: string]: string;
                };
                /** @description Why what is wanted cannot be delivered */
                problem?: {
                    /** @enum {string} */
                    code: "invalid-request" | "malformed-json" | "invalid-recipe" | "invalid-cursor" | "invalid-idempotency-key" | "unsupported-grant-type" | "invalid-scope" | "unauthorized" | "forbidden" | "not-found" | "no-such-route" | "method-not-allowed" | "name-taken" | "not-ready" | "workspace-not-empty" | "node-group-not-empty" | "component-not-empty" | "version-in-use" | "path-clash" | "upload-incomplete" | "version-immutable" | "last-owner" | "idempotency-in-progress" | "ambiguous" | "cannot-repair" | "cannot-adopt" | "limit-reached" | "conflict" | "precondition-failed" | "body-too-large" | "package-too-large" | "range-not-satisfiable" | "unsupported-media-type" | "idempotency-key-reused" | "deployment-too-large" | "unresolvable" | "unmet-dependency" | "artifact-missing" | "artifact-mismatch" | "artifact-clash" | "archive-refused" | "version-too-large" | "import-invalid" | "too-many-groups" | "component-rejected" | "precondition-required" | "throttled" | "not-delivered" | "aws-refused" | "aborted" | "import-incomplete" | "timed-out" | "lost" | "internal" | "unavailable" | "stopped" | "preparing" | "busy";
                    detail: string;
                };
            };
            /** @description What Greengrass was given for the node */
            delivered?: {
                /** @description The cell, and which of its thing groups */
                cell: string;
                hash: string;
                /** @description Component to exact version */
                components: {
                    [key: string]: string;
                };
                /** @description The Greengrass deployment */
                deploymentId: string;
                jobId: string;
                /** @description The number of the delivery to this thing group */
                sequence: number;
                /** Format: date-time */
                at: string;
            };
            /** @description What the device says */
            reported: {
                device?: {
                    /** @enum {string} */
                    status: "HEALTHY" | "UNHEALTHY";
                    /** Format: date-time */
                    at: string;
                    coreVersion?: string;
                };
                deployment?: {
                    deploymentId: string;
                    /** @enum {string} */
                    status: "QUEUED" | "IN_PROGRESS" | "SUCCEEDED" | "COMPLETED" | "FAILED" | "TIMED_OUT" | "CANCELED" | "REJECTED";
                    /** Format: date-time */
                    at: string;
                    reason?: string;
                    errors?: string[];
                };
                components: {
                    name: string;
                    version: string;
                    state: string;
                    detail?: string;
                    codes?: string[];
                    /** Format: date-time */
                    at: string;
                }[];
                /**
                 * Format: date-time
                 * @description When Slipway last looked at what Greengrass has
                 */
                lookedAt?: string;
            };
            agrees: {
                /** @description Whether what was delivered is what is wanted */
                delivered: boolean;
                /** @description Whether the device has what was delivered */
                reported: boolean;
            };
            way: {
                /** @description Whether the node is in the cell where it belongs */
                arrived: boolean;
                error?: string;
            };
            drift: components["schemas"]["Drift"][];
        };
        NodeGroup: {
            id: string;
            name: string;
            /** @description Free text for people */
            description?: string;
            /** @enum {string} */
            status: "creating" | "active" | "deleting" | "failed";
            /** @description Name of its AWS IoT thing group */
            thingGroup: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        /** @description Many nodes, created from a file */
        NodeImport: {
            id: string;
            /** @enum {string} */
            status: "draft" | "running" | "succeeded" | "failed" | "deleting";
            /** @enum {string} */
            format: "csv" | "jsonl";
            size: number;
            sha256: string;
            tokenExpiresInSeconds: number;
            /** @description How far it has come, batch by batch */
            counts: {
                /** @description In the file; known once it was checked */
                rows?: number;
                /** @description Nodes that this import has created */
                created: number;
                /** @description Rows whose node was there before: nothing was done */
                existing: number;
                /** @description Nodes that could not be created; the results say why */
                failed: number;
                /** @description Registration tokens in the results */
                tokens: number;
            };
            /** @description How many faults the file has; with any, no node is created */
            faultCount: number;
            /** @description The first 100 of them */
            faults: {
                line: number;
                field?: string;
                rule: string;
                detail: string;
            }[];
            /** @description Of the latest run; it tells why a run has failed */
            intent?: string;
            /** @description A CSV file of line, name, status, id, token, expiresAt and detail. For operators and above, once a run has ended; gone a week after that */
            results?: components["schemas"]["Link"];
            /** @description JSON Lines of the first 1000 faults. For operators and above */
            faultFile?: components["schemas"]["Link"];
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        /** @description The recipe of one's own, byte for byte */
        OwnRecipe: {
            /** @enum {string} */
            format: "json" | "yaml";
            /** @description Kept byte for byte */
            text: string;
        };
        /** @description What would come of the changes */
        Plan: {
            /** @description Of all that the plan depends on: an edit that carries it is done as planned */
            hash: string;
            summary: components["schemas"]["PlanSummary"];
            /** @description What forbids the changes; the first 100 */
            refusals: components["schemas"]["PlanFinding"][];
            /** @description What is worth knowing; the first 100 */
            warnings: components["schemas"]["PlanFinding"][];
            transitions: components["schemas"]["PlanTransition"][];
            /** @description For the next transitions of the same plan */
            nextCursor?: string;
        };
        /** @description Nodes with the same deployments and runtime are in one cell */
        PlanCell: {
            key: string;
            /** @description Ids of what deploys to it */
            targets: string[];
            /** @description The same by name, for people */
            names: string[];
            /**
             * @description The Greengrass runtime on the device
             * @enum {string}
             */
            runtime: "nucleus" | "nucleus-lite";
        };
        PlanChange: {
            component: string;
            /** @enum {string} */
            change: "added" | "removed" | "upgraded" | "downgraded" | "reconfigured";
            before?: string;
            after?: string;
        };
        /** @description A component of a cell, and why it is as it is */
        PlanComponent: {
            component: string;
            version: string;
            /** @description Whose requirement decided; absent for what nobody names */
            winner?: components["schemas"]["PlanParty"];
            agreeing: components["schemas"]["PlanParty"][];
            losers: components["schemas"]["PlanParty"][];
            requiredBy: components["schemas"]["PlanNeed"][];
            configuration?: {
                merge?: {
                    [key: string]: unknown;
                };
                reset?: string[];
                runWith?: components["schemas"]["RunWith"];
                /** @description JSON pointer in `merge` to the target's id */
                sources: {
                    [key: string]: string;
                };
            };
        };
        PlanFinding: {
            /** @enum {string} */
            kind: "unresolvable" | "unmet-dependency" | "ambiguous" | "too-large" | "deprecated" | "lite-document-size" | "lite-value-size";
            component?: string;
            detail: string;
            /** @description What would put it right, each by itself */
            remedies: string[];
            parties: components["schemas"]["PlanParty"][];
            requiredBy?: components["schemas"]["PlanNeed"][];
            /** @description Keys of the first 20 cells in which it holds */
            cells: string[];
            cellCount: number;
            nodes: number;
        };
        /** @description A component that needs this one */
        PlanNeed: {
            dependent: string;
            requirement: string;
            /** @enum {string} */
            type: "HARD" | "SOFT";
        };
        /** @description What becomes of a node; without `from` and `to`, nothing */
        PlanNode: {
            id: string;
            name: string;
            /** @description Absent for nodes that are new */
            from?: components["schemas"]["PlanCell"];
            /** @description Absent for nodes that go */
            to?: components["schemas"]["PlanCell"];
            changes: components["schemas"]["PlanChange"][];
        };
        PlanNodes: {
            /** @description Of all that the plan depends on: an edit that carries it is done as planned */
            hash: string;
            items: components["schemas"]["PlanNode"][];
            nextCursor?: string;
        };
        /** @description A target's requirement of a component */
        PlanParty: {
            /** @description Id of the node group or node */
            target: string;
            name: string;
            requirement: string;
            priority: number;
            catalogue: number;
        };
        /** @description Proposed changes, of which nothing is written */
        PlanRequest: {
            nodeGroups?: {
                [key: string]: {
                    /** @description null empties it */
                    deployment: components["schemas"]["ProposedEdit"] | null;
                };
            };
            nodes?: {
                [key: string]: {
                    /** @description Names or ids of its node groups */
                    groups?: string[];
                    /** @description null lifts the node's own */
                    deployment?: components["schemas"]["ProposedEdit"] | null;
                } | null;
            };
            /** @description Nodes that do not exist yet */
            newNodes?: {
                name: string;
                /**
                 * @description Names or ids of its node groups
                 * @default []
                 */
                groups?: string[];
                /**
                 * @description The Greengrass runtime on the device
                 * @default nucleus
                 * @enum {string}
                 */
                runtime?: "nucleus" | "nucleus-lite";
            }[];
        };
        PlanSummary: {
            cells: {
                changed: number;
                created: number;
                vacated: number;
            };
            nodes: {
                affected: number;
                moved: number;
                added: number;
                removed: number;
            };
            /** @description Components that nodes lose, and how many nodes do */
            removals: {
                [key: string]: number;
            };
            refusals: number;
            warnings: number;
            transitions: number;
            /** @description What AWS is asked for */
            work: {
                thingGroups: number;
                deliveries: number;
                joins: number;
                leaves: number;
                jobs: number;
                rolloutMinutes: number;
            };
            /** @description How long that takes at least at the rates that AWS grants */
            seconds: number;
        };
        /** @description Nodes that go from what a cell has to what it, or another, will have */
        PlanTransition: {
            /** @description Absent for nodes that are new */
            from?: components["schemas"]["PlanCell"];
            /** @description Absent for nodes that go */
            to?: components["schemas"]["PlanCell"];
            changes: components["schemas"]["PlanChange"][];
            nodes: number;
            before: components["schemas"]["PlanComponent"][];
            after: components["schemas"]["PlanComponent"][];
        };
        /** @description RFC 9457 problem document; `code` is stable */
        Problem: {
            type: string;
            title: string;
            status: number;
            /** @enum {string} */
            code: "invalid-request" | "malformed-json" | "invalid-recipe" | "invalid-cursor" | "invalid-idempotency-key" | "unsupported-grant-type" | "invalid-scope" | "unauthorized" | "forbidden" | "not-found" | "no-such-route" | "method-not-allowed" | "name-taken" | "not-ready" | "workspace-not-empty" | "node-group-not-empty" | "component-not-empty" | "version-in-use" | "path-clash" | "upload-incomplete" | "version-immutable" | "last-owner" | "idempotency-in-progress" | "ambiguous" | "cannot-repair" | "cannot-adopt" | "limit-reached" | "conflict" | "precondition-failed" | "body-too-large" | "package-too-large" | "range-not-satisfiable" | "unsupported-media-type" | "idempotency-key-reused" | "deployment-too-large" | "unresolvable" | "unmet-dependency" | "artifact-missing" | "artifact-mismatch" | "artifact-clash" | "archive-refused" | "version-too-large" | "import-invalid" | "too-many-groups" | "component-rejected" | "precondition-required" | "throttled" | "not-delivered" | "aws-refused" | "aborted" | "import-incomplete" | "timed-out" | "lost" | "internal" | "unavailable" | "stopped" | "preparing" | "busy";
            detail: string;
            errors?: {
                pointer?: string;
                parameter?: string;
                rule: string;
                detail: string;
                hint?: string;
                /** @enum {string} */
                severity?: "error" | "warning";
                line?: number;
                column?: number;
            }[];
        } & {
            [key: string]: unknown;
        };
        /** @description Other terms are as in the release that is promoted */
        PromoteRelease: {
            /** @description Where the new release is to be */
            environment: string;
            /** @description Per cent of the devices, by the id that they state in X-Device-Id */
            rollout?: number;
            /**
             * Format: date-time
             * @description No device gets it earlier
             */
            notBefore?: string;
            /** @description Why, for whoever reads the history */
            reason?: string;
        };
        ProposedEdit: {
            /** @constant */
            edit: "patch";
            /** @description Components to add or change by name; null removes one. Others stay as they are */
            components?: {
                [key: string]: components["schemas"]["ComponentWish"] | null;
            };
            /** @description Decides between groups; higher wins */
            priority?: number;
            /** @description Takes newly published versions as they come */
            autoUpdate?: boolean;
            /** @description As a whole; null leaves all to Greengrass */
            policies?: components["schemas"]["DeploymentPolicies"] | null;
            /** @description As a whole; null leaves all to AWS IoT */
            rollout?: components["schemas"]["DeploymentRollout"] | null;
            /** @description Why; kept with the revision */
            reason?: string;
        } | {
            /** @constant */
            edit: "replace";
            components: {
                [key: string]: components["schemas"]["ComponentWish"];
            };
            /**
             * @description Decides between groups; higher wins
             * @default 0
             */
            priority?: number;
            /** @description Takes newly published versions as they come */
            autoUpdate?: boolean;
            policies?: components["schemas"]["DeploymentPolicies"];
            rollout?: components["schemas"]["DeploymentRollout"];
            /** @description Why; kept with the revision */
            reason?: string;
        } | {
            /** @constant */
            edit: "refresh";
            /** @description Those that see what was published since; all without it */
            components?: string[];
            /** @description Why; kept with the revision */
            reason?: string;
        } | {
            /** @constant */
            edit: "rollback";
            /** @description The revision that is said again */
            revision: number;
            /** @description Why; kept with the revision */
            reason?: string;
        };
        /** @description What came of a push */
        PushEvent: {
            /** @enum {string} */
            status: "published" | "draft" | "failed";
            workspaceId?: string;
            component?: string;
            version?: string;
            /** @description The intent that it ended with, where it came to one */
            intentId?: string;
            origin: {
                bucket: string;
                manifest: {
                    key: string;
                    etag: string;
                };
                sequencer: string;
            } | {
                event: string;
            };
            problem?: components["schemas"]["Problem"];
            /** Format: date-time */
            finishedAt: string;
        };
        /** @description The short form, with its defaults */
        Recipe: {
            /**
             * @description Devices that it runs on; os `*` for all
             * @default {
             *       "os": "*"
             *     }
             */
            platform: {
                /** @default * */
                os: string;
                architecture?: string;
                /**
                 * @description By default `*`, both
                 * @enum {string}
                 */
                runtime?: "*" | "aws_nucleus_classic" | "aws_nucleus_lite";
                /** @description Platform attributes of one's own by name */
                attributes?: {
                    [key: string]: string;
                };
            };
            /** @description For all steps */
            environment?: {
                [key: string]: string;
            };
            /** @description Run when the component is deployed; may ask for a restart */
            bootstrap?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Shell script run once per version */
            install?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Starts a background process, and ends; instead of run */
            startup?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Shell script that is the component */
            run?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Run when the component stops; nucleus lite does not */
            shutdown?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description What devices download; by default every file below `dist/` */
            artifacts?: ({
                /**
                 * Format: starts_with
                 * @description A file below `dist/`, or a folder with a `/` at its end: all files in it
                 */
                path: string;
                /**
                 * @default NONE
                 * @enum {string}
                 */
                unarchive: "NONE" | "ZIP";
                /**
                 * @default OWNER
                 * @enum {string}
                 */
                read: "NONE" | "OWNER" | "ALL";
                /**
                 * @default OWNER
                 * @enum {string}
                 */
                execute: "NONE" | "OWNER" | "ALL";
            } | {
                /** @description URI of an image, such as `public.ecr.aws/nginx/nginx:1` */
                docker: string;
            })[];
            /** @description One for each kind of device, the first that fits is used; what one does not say is as above */
            manifests?: {
                platform?: {
                    /** @default * */
                    os: string;
                    architecture?: string;
                    /**
                     * @description By default `*`, both
                     * @enum {string}
                     */
                    runtime?: "*" | "aws_nucleus_classic" | "aws_nucleus_lite";
                    /** @description Platform attributes of one's own by name */
                    attributes?: {
                        [key: string]: string;
                    };
                };
                /** @description For all steps */
                environment?: {
                    [key: string]: string;
                };
                /** @description Run when the component is deployed; may ask for a restart */
                bootstrap?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Shell script run once per version */
                install?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Starts a background process, and ends; instead of run */
                startup?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Shell script that is the component */
                run?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Run when the component stops; nucleus lite does not */
                shutdown?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description What devices download; by default every file below `dist/` */
                artifacts?: ({
                    /**
                     * Format: starts_with
                     * @description A file below `dist/`, or a folder with a `/` at its end: all files in it
                     */
                    path: string;
                    /**
                     * @default NONE
                     * @enum {string}
                     */
                    unarchive: "NONE" | "ZIP";
                    /**
                     * @default OWNER
                     * @enum {string}
                     */
                    read: "NONE" | "OWNER" | "ALL";
                    /**
                     * @default OWNER
                     * @enum {string}
                     */
                    execute: "NONE" | "OWNER" | "ALL";
                } | {
                    /** @description URI of an image, such as `public.ecr.aws/nginx/nginx:1` */
                    docker: string;
                })[];
            }[];
            /** @description Default configuration, which deployments merge into */
            configuration?: Record<string, never>;
            /** @description Components that this one needs, by name */
            dependencies?: {
                [key: string]: string | {
                    version: string;
                    /**
                     * @default HARD
                     * @enum {string}
                     */
                    type: "HARD" | "SOFT";
                };
            };
        };
        RecipeFinding: {
            /** @description JSON pointer into the recipe, in the form that it was given in */
            pointer: string;
            /** @enum {string} */
            rule: "too-large" | "syntax" | "too-deep" | "number" | "member-name" | "duplicate-member" | "several-documents" | "yaml-alias" | "yaml-tag" | "yaml-directive" | "type" | "value" | "unknown-member" | "missing-member" | "read-only-member" | "component-name" | "component-version" | "component-type" | "platform" | "unreachable-manifest" | "unknown-step" | "run-and-startup" | "timeout" | "skip-if" | "unknown-selection" | "unused-selections" | "version-range" | "self-dependency" | "dependency-cycle" | "unknown-dependency" | "docker-dependency" | "artifact-uri" | "artifact-outside" | "artifact-missing" | "artifact-clash" | "unknown-variable" | "variable-artifact" | "variable-configuration" | "variable-dependency" | "nucleus-lite-type" | "nucleus-lite-platform" | "nucleus-lite-step" | "nucleus-lite-skip-if" | "nucleus-lite-case" | "nucleus-lite-environment" | "nucleus-lite-selection" | "nucleus-lite-variable" | "nucleus-lite-configuration" | "nucleus-lite-size" | "more-findings";
            /**
             * @description A version with an error is not published
             * @enum {string}
             */
            severity: "error" | "warning";
            detail: string;
            /** @description What to do about it */
            hint: string;
            /** @description In a recipe of one's own, from 1 */
            line?: number;
            column?: number;
        };
        /** @description What is wrong with a version's recipe, held against its files */
        RecipeFindings: {
            /** @description Whether none of them is an error */
            publishable: boolean;
            findings: components["schemas"]["RecipeFinding"][];
        };
        /** @description A Greengrass recipe of one's own. What it is published with may stand in for what is known then: ComponentName `{COMPONENT_NAME}`, ComponentVersion `{COMPONENT_VERSION}`, ComponentPublisher `{COMPONENT_AUTHOR}`, and in artifacts' URIs `s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/` for the version's `dist/` */
        RecipeText: {
            /** @enum {string} */
            format: "json" | "yaml";
            /** @description Kept byte for byte */
            text: string;
        };
        Register: {
            /** @description The registration token */
            token: string;
        };
        Registration: {
            /** @description Name of the AWS IoT thing that the device becomes */
            thing: string;
            region: string;
            /**
             * @description What the node was created for
             * @enum {string}
             */
            runtime: "nucleus" | "nucleus-lite";
            /** @description A certificate for nothing but to ask for the device's own, for some minutes */
            claim: {
                certificatePem: string;
                privateKey: string;
                /** Format: date-time */
                expiresAt: string;
            };
            /** @description The fleet provisioning template, which takes the parameter Token */
            template: string;
            roleAlias: string;
            endpoints: {
                /** @description Host, or host and port */
                mqtt: string;
                /** @description Host, or host and port */
                credentials: string;
                /** @description Host, or host and port */
                greengrass: string;
            };
            /** @description What to trust the endpoints by, in PEM */
            rootCa: string;
        };
        RegistrationToken: {
            /** @description Shown this once: only its hash is kept */
            token: string;
            /** Format: date-time */
            expiresAt: string;
            /** @description What to run on the device */
            command: string;
        };
        /** @description An OTA binary for anonymous devices */
        Release: {
            id: string;
            app: string;
            environment: string;
            version: string;
            attributes: string[];
            cpuArch: string[];
            hardware: string[];
            minimumVersion?: string;
            rollout: number;
            pauseAbove?: number;
            /** Format: date-time */
            notBefore?: string;
            allowDowngrade: boolean;
            /** @enum {string} */
            status: "draft" | "publishing" | "published" | "failed" | "deleting";
            /**
             * @description Whether devices get it, once it was published
             * @enum {string}
             */
            availability?: "offered" | "paused" | "withdrawn" | "superseded";
            /**
             * Format: date-time
             * @description When it was last published
             */
            publishedAt?: string;
            /** @description The release whose content it has */
            promotedFrom?: string;
            size: number;
            sha256: string;
            /** @description Known once published */
            md5?: string;
            /** @description What devices say of it; not in lists */
            reports?: components["schemas"]["ReportCounts"];
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        ReleaseChange: {
            /** Format: date-time */
            at: string;
            /** @enum {string} */
            action: "created" | "published" | "changed" | "paused" | "resumed" | "withdrawn" | "superseded" | "promoted";
            /** @description The caller's subject, or what did it by itself */
            by: string;
            reason?: string;
            /** @description What became otherwise, and how it is since */
            changes?: Record<string, never>;
        };
        ReleaseEvent: {
            id: string;
            app: string;
            environment: string;
            version: string;
            attributes: string[];
            cpuArch: string[];
            hardware: string[];
            minimumVersion?: string;
            rollout: number;
            pauseAbove?: number;
            /** Format: date-time */
            notBefore?: string;
            allowDowngrade: boolean;
            /** @enum {string} */
            status: "draft" | "publishing" | "published" | "failed" | "deleting";
            /**
             * @description Whether devices get it, once it was published
             * @enum {string}
             */
            availability?: "offered" | "paused" | "withdrawn" | "superseded";
            /**
             * Format: date-time
             * @description When it was last published
             */
            publishedAt?: string;
            /** @description The release whose content it has */
            promotedFrom?: string;
            size: number;
            sha256: string;
            /** @description Known once published */
            md5?: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        ReplayWebhook: {
            /**
             * Format: date-time
             * @description Everything that was not delivered of events since then
             */
            since?: string;
            /** @description This one, whatever became of it */
            delivery?: string;
        };
        ReplayedWebhook: {
            /** @description How many are sent again, within a minute or so */
            deliveries: number;
            /**
             * Format: date-time
             * @description There are more: ask again with this as `since`
             */
            next?: string;
        };
        /** @description An anonymous device's word on a release; nobody checks it */
        Report: {
            app: string;
            /** @default prod */
            environment?: string;
            version: string;
            /** @enum {string} */
            outcome: "installed" | "failed" | "rolled-back";
            /** @description What went wrong; the last one is kept */
            reason?: string;
        };
        ReportCounts: {
            installed: number;
            failed: number;
            rolledBack: number;
            /** @description Of a failure, in the words of the device */
            lastReason?: string;
        };
        /** @description As whom, and within which limits, the component's processes run */
        RunWith: {
            /** @description user or user:group, on Linux */
            posixUser?: string;
            windowsUser?: string;
            systemResourceLimits?: {
                /** @description Kilobytes */
                memory?: number;
                cpus?: number;
            };
        };
        /** @description From this Slipway builds the Greengrass recipe */
        ShortRecipe: {
            /**
             * @description Devices that it runs on; os `*` for all
             * @default {
             *       "os": "*"
             *     }
             */
            platform?: {
                /** @default * */
                os?: string;
                architecture?: string;
                /**
                 * @description By default `*`, both
                 * @enum {string}
                 */
                runtime?: "*" | "aws_nucleus_classic" | "aws_nucleus_lite";
                /** @description Platform attributes of one's own by name */
                attributes?: {
                    [key: string]: string;
                };
            };
            /** @description For all steps */
            environment?: {
                [key: string]: string;
            };
            /** @description Run when the component is deployed; may ask for a restart */
            bootstrap?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Shell script run once per version */
            install?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Starts a background process, and ends; instead of run */
            startup?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Shell script that is the component */
            run?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description Run when the component stops; nucleus lite does not */
            shutdown?: string | {
                script: string;
                /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                timeout?: number;
                /** @description Runs as root */
                requiresPrivilege?: boolean;
                /** @description Environment variables by name */
                environment?: {
                    [key: string]: string;
                };
                /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                skipIf?: string;
            };
            /** @description What devices download; by default every file below `dist/` */
            artifacts?: ({
                /**
                 * Format: starts_with
                 * @description A file below `dist/`, or a folder with a `/` at its end: all files in it
                 */
                path: string;
                /**
                 * @default NONE
                 * @enum {string}
                 */
                unarchive?: "NONE" | "ZIP";
                /**
                 * @default OWNER
                 * @enum {string}
                 */
                read?: "NONE" | "OWNER" | "ALL";
                /**
                 * @default OWNER
                 * @enum {string}
                 */
                execute?: "NONE" | "OWNER" | "ALL";
            } | {
                /** @description URI of an image, such as `public.ecr.aws/nginx/nginx:1` */
                docker: string;
            })[];
            /** @description One for each kind of device, the first that fits is used; what one does not say is as above */
            manifests?: {
                platform?: {
                    /** @default * */
                    os?: string;
                    architecture?: string;
                    /**
                     * @description By default `*`, both
                     * @enum {string}
                     */
                    runtime?: "*" | "aws_nucleus_classic" | "aws_nucleus_lite";
                    /** @description Platform attributes of one's own by name */
                    attributes?: {
                        [key: string]: string;
                    };
                };
                /** @description For all steps */
                environment?: {
                    [key: string]: string;
                };
                /** @description Run when the component is deployed; may ask for a restart */
                bootstrap?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Shell script run once per version */
                install?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Starts a background process, and ends; instead of run */
                startup?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Shell script that is the component */
                run?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description Run when the component stops; nucleus lite does not */
                shutdown?: string | {
                    script: string;
                    /** @description Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none */
                    timeout?: number;
                    /** @description Runs as root */
                    requiresPrivilege?: boolean;
                    /** @description Environment variables by name */
                    environment?: {
                        [key: string]: string;
                    };
                    /** @description `onpath program` or `exists file`; nucleus lite runs the step all the same */
                    skipIf?: string;
                };
                /** @description What devices download; by default every file below `dist/` */
                artifacts?: ({
                    /**
                     * Format: starts_with
                     * @description A file below `dist/`, or a folder with a `/` at its end: all files in it
                     */
                    path: string;
                    /**
                     * @default NONE
                     * @enum {string}
                     */
                    unarchive?: "NONE" | "ZIP";
                    /**
                     * @default OWNER
                     * @enum {string}
                     */
                    read?: "NONE" | "OWNER" | "ALL";
                    /**
                     * @default OWNER
                     * @enum {string}
                     */
                    execute?: "NONE" | "OWNER" | "ALL";
                } | {
                    /** @description URI of an image, such as `public.ecr.aws/nginx/nginx:1` */
                    docker: string;
                })[];
            }[];
            /** @description Default configuration, which deployments merge into */
            configuration?: Record<string, never>;
            /** @description Components that this one needs, by name */
            dependencies?: {
                [key: string]: string | {
                    version: string;
                    /**
                     * @default HARD
                     * @enum {string}
                     */
                    type?: "HARD" | "SOFT";
                };
            };
        };
        SigningKey: {
            /** @description SHA-256 of the public key's SPKI in DER, hex */
            id: string;
            /** @description SPKI in PEM, as a device pins it */
            publicKey: string;
            /** @description It signs. New devices are to be made with it */
            isCurrent: boolean;
            /** @description Absent for the key that signs */
            successor?: {
                /** @description Of the next key in `keys` */
                id: string;
                /** @description From when a device may go over to it, in seconds since 1970, as it was signed */
                notBefore: number;
                /** @description Until when, in seconds since 1970, as it was signed */
                notAfter: number;
                /** @description By this key, of the statement `slipway-key-v1`; DER in base64 */
                signature: string;
            };
        };
        SigningKeys: {
            /**
             * @description Of every key and signature
             * @constant
             */
            algorithm: "ecdsa-p256-sha256";
            /** @description The eldest first, the one that signs last; none in the first quarter of an hour of a stage */
            keys: components["schemas"]["SigningKey"][];
        };
        StatusOfNode: {
            id: string;
            name: string;
            /**
             * @description How the node is with what it is to run now. A device that cannot be reached is told as unreachable while it has not ended that
             * @enum {string}
             */
            state: "succeeded" | "in-progress" | "failed" | "unreachable";
            /** Format: date-time */
            since: string;
            /** @description The device's word for it, or why nothing can be delivered */
            error?: string;
            /** @description The device's error codes, from the most general on */
            readonly errors?: string[];
        };
        /** @description Where to send the file's bytes */
        Upload: {
            /** @constant */
            method: "PUT";
            /** Format: uri */
            url: string;
            /** @description Headers that the upload must carry */
            headers: {
                [key: string]: string;
            };
            /** Format: date-time */
            expiresAt: string;
        };
        UploadPart: {
            part: number;
            size: number;
            received: boolean;
            /** @description Where to send the part; absent once it was received */
            upload?: components["schemas"]["Upload"];
        };
        UserOfVersion: {
            /** @enum {string} */
            type: "node-group" | "node";
            id: string;
            name: string;
            /** @description What the deployment to it wants */
            requirement?: string;
        };
        Webhook: {
            id: string;
            url: string;
            events: string[];
            /** @description Free text for people */
            description?: string;
            enabled: boolean;
            /** @description Why Slipway sends nothing any more: it failed for too long, or was answered 410 */
            disabled?: {
                reason: string;
                /** Format: date-time */
                at: string;
            };
            /**
             * Format: date-time
             * @description Since when nothing could be delivered
             */
            failingSince?: string;
            /**
             * Format: date-time
             * @description Until when everything is signed with the secret before as well
             */
            previousSecretUntil?: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        WebhookDelivery: {
            /** @description The event's id */
            id: string;
            /** @description The event's type */
            type: string;
            /**
             * @description `held`: came while the webhook was disabled. What has failed, or is held, can be replayed
             * @enum {string}
             */
            status: "pending" | "delivered" | "failed" | "held";
            tries: components["schemas"]["WebhookTry"][];
            /** Format: date-time */
            nextTryAt?: string;
            /** Format: date-time */
            createdAt: string;
        };
        WebhookEvent: {
            id: string;
            description?: string;
            disabled: {
                reason: string;
                /** Format: date-time */
                at: string;
            };
        };
        WebhookTestEvent: {
            message: string;
        };
        WebhookTry: {
            /** Format: date-time */
            at: string;
            durationMs: number;
            /** @description Of the answer, where there was one */
            status?: number;
            /** @description Why there was none */
            error?: string;
            /** @description How its body begins */
            answer?: string;
        };
        Workspace: {
            id: string;
            /**
             * @description Unique in the stage; part of bucket and OTA URLs
             * @example acme
             */
            name: string;
            /** @description Free text for people */
            description?: string;
            /** @enum {string} */
            status: "creating" | "active" | "deleting" | "failed";
            /** @description S3 bucket of the workspace's artifacts */
            bucket: string;
            ota: {
                /** @description How long devices are asked to wait between polls; up to a quarter is added at random */
                pollSeconds: number;
                /** @description Devices are answered 503 with Retry-After, whatever they ask */
                isStopped: boolean;
            };
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listWorkspaces: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "ws_01k0example000000001",
                     *           "name": "acme",
                     *           "description": "changed",
                     *           "status": "active",
                     *           "bucket": "ws-abc-acme-comp-artifacts",
                     *           "ota": {
                     *             "pollSeconds": 3600,
                     *             "isStopped": false
                     *           },
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Workspace"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createWorkspace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "acme",
                 *       "description": "d"
                 *     }
                 */
                "application/json": components["schemas"]["CreateWorkspace"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000001",
                     *       "kind": "workspace.create",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000002",
                     *       "subject": {
                     *         "type": "workspace",
                     *         "id": "ws_01k0example000000002",
                     *         "name": "acme",
                     *         "href": "/v1/workspaces/ws_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `name-taken`: The name is taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "ws_01k0example000000001",
                     *       "name": "acme",
                     *       "description": "changed",
                     *       "status": "active",
                     *       "bucket": "ws-abc-acme-comp-artifacts",
                     *       "ota": {
                     *         "pollSeconds": 3600,
                     *         "isStopped": false
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Workspace"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000002",
                     *       "kind": "workspace.delete",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "workspace",
                     *         "id": "ws_01k0example000000001",
                     *         "name": "acme",
                     *         "href": "/v1/workspaces/ws_01k0example000000001"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `workspace-not-empty`: The workspace is not empty. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateWorkspace: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag that was read, or `*` */
                "If-Match": string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditWorkspace"];
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/json": components["schemas"]["EditWorkspace"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "ws_01k0example000000001",
                     *       "name": "acme",
                     *       "description": "changed",
                     *       "status": "active",
                     *       "bucket": "ws-abc-acme-comp-artifacts",
                     *       "ota": {
                     *         "pollSeconds": 3600,
                     *         "isStopped": false
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Workspace"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-required`: If-Match is needed */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listMembers: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "mem_01k0example000000002",
                     *           "subject": "developer",
                     *           "role": "owner",
                     *           "createdAt": "2026-01-01T12:00:00.000Z"
                     *         },
                     *         {
                     *           "id": "mem_01k0example000000003",
                     *           "subject": "someone",
                     *           "role": "owner",
                     *           "invitedBy": "developer",
                     *           "createdAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Member"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example mem_01k0example000000002
                 */
                member: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `last-owner`: A workspace keeps at least one owner. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example mem_01k0example000000002
                 */
                member: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "role": "viewer"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditMember"];
                /**
                 * @example {
                 *       "role": "viewer"
                 *     }
                 */
                "application/json": components["schemas"]["EditMember"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "mem_01k0example000000002",
                     *       "subject": "someone",
                     *       "role": "viewer",
                     *       "invitedBy": "developer",
                     *       "createdAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Member"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `last-owner`: A workspace keeps at least one owner. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listInvitations: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "inv_01k0example000000002",
                     *           "role": "owner",
                     *           "createdBy": "developer",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "expiresAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Invitation"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createInvitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "role": "owner"
                 *     }
                 */
                "application/json": components["schemas"]["CreateInvitation"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "inv_01k0example000000002",
                     *       "role": "owner",
                     *       "createdBy": "developer",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "expiresAt": "2026-01-01T12:00:00.000Z",
                     *       "code": "sli_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedInvitation"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteInvitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example inv_01k0example000000002
                 */
                invitation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    acceptInvitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "code": "sli_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                 *     }
                 */
                "application/json": components["schemas"]["AcceptInvitation"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "workspace": {
                     *         "id": "ws_01k0example000000001",
                     *         "name": "acme"
                     *       },
                     *       "role": "owner"
                     *     }
                     */
                    "application/json": components["schemas"]["Joined"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listCredentials: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "crd_01k0example000000002",
                     *           "name": "ci",
                     *           "role": "owner",
                     *           "scopes": [
                     *             "nodes:read"
                     *           ],
                     *           "createdBy": "developer",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "expiresAt": "2026-01-01T12:00:00.000Z",
                     *           "lastUsedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Credential"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createCredential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "ci",
                 *       "role": "owner",
                 *       "scopes": [
                 *         "nodes:read"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CreateCredential"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "crd_01k0example000000002",
                     *       "name": "ci",
                     *       "role": "owner",
                     *       "scopes": [
                     *         "nodes:read"
                     *       ],
                     *       "createdBy": "developer",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "expiresAt": "2026-01-01T12:00:00.000Z",
                     *       "secret": "slc_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedCredential"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteCredential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example crd_01k0example000000002
                 */
                credential: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "grant_type": "client_credentials",
                 *       "client_id": "crd_01k0example000000001",
                 *       "client_secret": "slc_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                 *     }
                 */
                "application/x-www-form-urlencoded": components["schemas"]["CreateToken"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "access_token": "sla_d4735e3a265e16eee03f59718b9b5d03019c07",
                     *       "token_type": "Bearer",
                     *       "expires_in": 900,
                     *       "scope": "nodes:read"
                     *     }
                     */
                    "application/json": components["schemas"]["AccessToken"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `unsupported-grant-type`: The grant type is not client_credentials. `invalid-scope`: The credential does not have this scope */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error: string;
                        error_description: string;
                    };
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error: string;
                        error_description: string;
                    };
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error: string;
                        error_description: string;
                    };
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error: string;
                        error_description: string;
                    };
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error: string;
                        error_description: string;
                    };
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error: string;
                        error_description: string;
                    };
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error: string;
                        error_description: string;
                    };
                };
            };
        };
    };
    listNodeGroups: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "grp_01k0example000000002",
                     *           "name": "g",
                     *           "description": "changed",
                     *           "status": "active",
                     *           "thingGroup": "local-ws_01k0example000000001-grp_01k0example000000002",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["NodeGroup"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createNodeGroup: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "g"
                 *     }
                 */
                "application/json": components["schemas"]["CreateNodeGroup"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000002",
                     *       "kind": "node-group.create",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node-group",
                     *         "id": "grp_01k0example000000003",
                     *         "name": "g",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-groups/grp_01k0example000000003"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `name-taken`: The name is taken. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "grp_01k0example000000002",
                     *       "name": "g",
                     *       "description": "changed",
                     *       "status": "active",
                     *       "thingGroup": "local-ws_01k0example000000001-grp_01k0example000000002",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["NodeGroup"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteNodeGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "node-group.delete",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node-group",
                     *         "id": "grp_01k0example000000002",
                     *         "name": "g",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-groups/grp_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `node-group-not-empty`: The node group has nodes. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateNodeGroup: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag that was read, or `*` */
                "If-Match": string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditDescription"];
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/json": components["schemas"]["EditDescription"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "grp_01k0example000000002",
                     *       "name": "g",
                     *       "description": "changed",
                     *       "status": "active",
                     *       "thingGroup": "local-ws_01k0example000000001-grp_01k0example000000002",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["NodeGroup"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-required`: If-Match is needed */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listDeployments: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "target": {
                     *             "type": "node-group",
                     *             "id": "grp_01k0example000000002",
                     *             "name": "g"
                     *           },
                     *           "revision": 6,
                     *           "priority": 0,
                     *           "catalogue": 1,
                     *           "components": {},
                     *           "change": {
                     *             "kind": "rollback",
                     *             "reason": "as before",
                     *             "rolledBackTo": 1
                     *           },
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Deployment"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeGroupDeployment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "target": {
                     *         "type": "node-group",
                     *         "id": "grp_01k0example000000002",
                     *         "name": "g"
                     *       },
                     *       "revision": 6,
                     *       "priority": 0,
                     *       "catalogue": 1,
                     *       "components": {},
                     *       "change": {
                     *         "kind": "rollback",
                     *         "reason": "as before",
                     *         "rolledBackTo": 1
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replaceNodeGroupDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "components": {
                 *         "com.example.A": {
                 *           "version": "^1.0.0",
                 *           "merge": {
                 *             "a": 1
                 *           },
                 *           "reset": [
                 *             "/b"
                 *           ],
                 *           "runWith": {
                 *             "posixUser": "ggc_user",
                 *             "systemResourceLimits": {
                 *               "memory": 1024,
                 *               "cpus": 0.5
                 *             }
                 *           }
                 *         }
                 *       },
                 *       "priority": 4,
                 *       "policies": {
                 *         "failureHandling": "do-nothing",
                 *         "componentUpdate": {
                 *           "action": "notify"
                 *         },
                 *         "validationSeconds": 9
                 *       },
                 *       "rollout": {
                 *         "exponential": {
                 *           "baseRatePerMinute": 5,
                 *           "incrementFactor": 1.5,
                 *           "increaseAfter": {
                 *             "notified": 3
                 *           }
                 *         },
                 *         "abort": [
                 *           {
                 *             "failure": "all",
                 *             "thresholdPercentage": 12.5,
                 *             "minimumExecuted": 4
                 *           }
                 *         ],
                 *         "timeoutMinutes": 30
                 *       },
                 *       "plan": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentReplacement"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "grp_01k0example000000002",
                     *         "name": "g",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-groups/grp_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteNodeGroupDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "grp_01k0example000000002",
                     *         "name": "g",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-groups/grp_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateNodeGroupDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "components": {
                 *         "com.example.A": {
                 *           "version": "^1.0.0",
                 *           "merge": {
                 *             "a": 1
                 *           },
                 *           "reset": [
                 *             "/b"
                 *           ],
                 *           "runWith": {
                 *             "posixUser": "ggc_user",
                 *             "systemResourceLimits": {
                 *               "memory": 1024,
                 *               "cpus": 0.5
                 *             }
                 *           }
                 *         }
                 *       },
                 *       "priority": 3,
                 *       "reason": "first"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["DeploymentPatch"];
                /**
                 * @example {
                 *       "components": {
                 *         "com.example.A": {
                 *           "version": "^1.0.0",
                 *           "merge": {
                 *             "a": 1
                 *           },
                 *           "reset": [
                 *             "/b"
                 *           ],
                 *           "runWith": {
                 *             "posixUser": "ggc_user",
                 *             "systemResourceLimits": {
                 *               "memory": 1024,
                 *               "cpus": 0.5
                 *             }
                 *           }
                 *         }
                 *       },
                 *       "priority": 3,
                 *       "reason": "first"
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentPatch"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "grp_01k0example000000002",
                     *         "name": "g",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-groups/grp_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    refreshNodeGroupDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "components": [
                 *         "com.example.A"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentRefresh"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "grp_01k0example000000002",
                     *         "name": "g",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-groups/grp_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request. `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rollBackNodeGroupDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "revision": 1,
                 *       "reason": "as before"
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentRollback"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "grp_01k0example000000002",
                     *         "name": "g",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-groups/grp_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request. `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodeGroupDeploymentRevisions: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "revision": 6,
                     *           "priority": 0,
                     *           "catalogue": 1,
                     *           "change": {
                     *             "kind": "rollback",
                     *             "reason": "as before",
                     *             "rolledBackTo": 1
                     *           },
                     *           "requestedBy": "developer",
                     *           "at": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["ListedDeploymentRevision"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeGroupDeploymentRevision: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
                /**
                 * @description Id or name
                 * @example 2
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "revision": 2,
                     *       "priority": 3,
                     *       "catalogue": 1,
                     *       "change": {
                     *         "kind": "patch",
                     *         "reason": "first"
                     *       },
                     *       "requestedBy": "developer",
                     *       "at": "2026-01-01T12:00:00.000Z",
                     *       "components": {
                     *         "com.example.A": {
                     *           "version": "^1.0.0",
                     *           "merge": {
                     *             "a": 1
                     *           },
                     *           "reset": [
                     *             "/b"
                     *           ],
                     *           "runWith": {
                     *             "posixUser": "ggc_user",
                     *             "systemResourceLimits": {
                     *               "memory": 1024,
                     *               "cpus": 0.5
                     *             }
                     *           },
                     *           "catalogue": 1
                     *         }
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["DeploymentRevision"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    diffNodeGroupDeploymentRevision: {
        parameters: {
            query?: {
                /** @description The revision to compare with; the one before, without it */
                from?: number;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
                /**
                 * @description Id or name
                 * @example 2
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "from": 1,
                     *       "to": 2,
                     *       "components": {
                     *         "com.example.A": {
                     *           "change": "added",
                     *           "after": {
                     *             "version": "^1.0.0",
                     *             "merge": {
                     *               "a": 1
                     *             },
                     *             "reset": [
                     *               "/b"
                     *             ],
                     *             "runWith": {
                     *               "posixUser": "ggc_user",
                     *               "systemResourceLimits": {
                     *                 "memory": 1024,
                     *                 "cpus": 0.5
                     *               }
                     *             },
                     *             "catalogue": 1
                     *           }
                     *         }
                     *       },
                     *       "priority": {
                     *         "before": 0,
                     *         "after": 3
                     *       },
                     *       "settings": {}
                     *     }
                     */
                    "application/json": components["schemas"]["DeploymentDifferences"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeGroupDeploymentStatus: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "revision": 6,
                     *       "nodes": 1,
                     *       "succeeded": 0,
                     *       "inProgress": 0,
                     *       "failed": 0,
                     *       "unreachable": 1,
                     *       "cells": [
                     *         {
                     *           "key": "6b86b273ff34fce1",
                     *           "nodes": {
                     *             "wanted": 1,
                     *             "delivered": 1,
                     *             "waiting": 0
                     *           },
                     *           "generations": 1,
                     *           "hash": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
                     *           "targets": [
                     *             "grp_01k0example000000002",
                     *             "nod_01k0example000000003"
                     *           ]
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["DeploymentStatus"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodeGroupDeploymentNodes: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description How the node is with what it is to run now. A device that cannot be reached is told as unreachable while it has not ended that */
                state?: "succeeded" | "in-progress" | "failed" | "unreachable";
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example grp_01k0example000000002
                 */
                nodeGroup: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "nod_01k0example000000003",
                     *           "name": "n",
                     *           "state": "unreachable",
                     *           "since": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["StatusOfNode"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeDeployment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "target": {
                     *         "type": "node",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n"
                     *       },
                     *       "revision": 5,
                     *       "priority": 3,
                     *       "catalogue": 1,
                     *       "components": {
                     *         "com.example.A": {
                     *           "version": "^1.0.0",
                     *           "merge": {
                     *             "a": 1
                     *           },
                     *           "reset": [
                     *             "/b"
                     *           ],
                     *           "runWith": {
                     *             "posixUser": "ggc_user",
                     *             "systemResourceLimits": {
                     *               "memory": 1024,
                     *               "cpus": 0.5
                     *             }
                     *           },
                     *           "catalogue": 1
                     *         }
                     *       },
                     *       "change": {
                     *         "kind": "rollback",
                     *         "reason": "as before",
                     *         "rolledBackTo": 1
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replaceNodeDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "components": {
                 *         "com.example.A": {
                 *           "version": "^1.0.0",
                 *           "merge": {
                 *             "a": 1
                 *           },
                 *           "reset": [
                 *             "/b"
                 *           ],
                 *           "runWith": {
                 *             "posixUser": "ggc_user",
                 *             "systemResourceLimits": {
                 *               "memory": 1024,
                 *               "cpus": 0.5
                 *             }
                 *           }
                 *         }
                 *       },
                 *       "priority": 4,
                 *       "policies": {
                 *         "failureHandling": "do-nothing",
                 *         "componentUpdate": {
                 *           "action": "notify"
                 *         },
                 *         "validationSeconds": 9
                 *       },
                 *       "rollout": {
                 *         "exponential": {
                 *           "baseRatePerMinute": 5,
                 *           "incrementFactor": 1.5,
                 *           "increaseAfter": {
                 *             "notified": 3
                 *           }
                 *         },
                 *         "abort": [
                 *           {
                 *             "failure": "all",
                 *             "thresholdPercentage": 12.5,
                 *             "minimumExecuted": 4
                 *           }
                 *         ],
                 *         "timeoutMinutes": 30
                 *       },
                 *       "plan": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentReplacement"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteNodeDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateNodeDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "components": {
                 *         "com.example.A": {
                 *           "version": "^1.0.0",
                 *           "merge": {
                 *             "a": 1
                 *           },
                 *           "reset": [
                 *             "/b"
                 *           ],
                 *           "runWith": {
                 *             "posixUser": "ggc_user",
                 *             "systemResourceLimits": {
                 *               "memory": 1024,
                 *               "cpus": 0.5
                 *             }
                 *           }
                 *         }
                 *       },
                 *       "priority": 3,
                 *       "reason": "first"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["DeploymentPatch"];
                /**
                 * @example {
                 *       "components": {
                 *         "com.example.A": {
                 *           "version": "^1.0.0",
                 *           "merge": {
                 *             "a": 1
                 *           },
                 *           "reset": [
                 *             "/b"
                 *           ],
                 *           "runWith": {
                 *             "posixUser": "ggc_user",
                 *             "systemResourceLimits": {
                 *               "memory": 1024,
                 *               "cpus": 0.5
                 *             }
                 *           }
                 *         }
                 *       },
                 *       "priority": 3,
                 *       "reason": "first"
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentPatch"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    refreshNodeDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "components": [
                 *         "com.example.A"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentRefresh"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request. `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rollBackNodeDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "revision": 1,
                 *       "reason": "as before"
                 *     }
                 */
                "application/json": components["schemas"]["DeploymentRollback"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "deployment.apply",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "deployment",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002/deployment"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request. `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodeDeploymentRevisions: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "revision": 5,
                     *           "priority": 3,
                     *           "catalogue": 1,
                     *           "change": {
                     *             "kind": "rollback",
                     *             "reason": "as before",
                     *             "rolledBackTo": 1
                     *           },
                     *           "requestedBy": "developer",
                     *           "at": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["ListedDeploymentRevision"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeDeploymentRevision: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
                /**
                 * @description Id or name
                 * @example 2
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "revision": 2,
                     *       "priority": 3,
                     *       "catalogue": 1,
                     *       "autoUpdate": true,
                     *       "change": {
                     *         "kind": "patch"
                     *       },
                     *       "requestedBy": "developer",
                     *       "at": "2026-01-01T12:00:00.000Z",
                     *       "components": {
                     *         "com.example.A": {
                     *           "version": "^1.0.0",
                     *           "merge": {
                     *             "a": 1
                     *           },
                     *           "reset": [
                     *             "/b"
                     *           ],
                     *           "runWith": {
                     *             "posixUser": "ggc_user",
                     *             "systemResourceLimits": {
                     *               "memory": 1024,
                     *               "cpus": 0.5
                     *             }
                     *           },
                     *           "catalogue": 1
                     *         }
                     *       },
                     *       "policies": {
                     *         "failureHandling": "do-nothing",
                     *         "componentUpdate": {
                     *           "action": "notify"
                     *         },
                     *         "validationSeconds": 9
                     *       },
                     *       "rollout": {
                     *         "exponential": {
                     *           "baseRatePerMinute": 5,
                     *           "incrementFactor": 1.5,
                     *           "increaseAfter": {
                     *             "notified": 3
                     *           }
                     *         },
                     *         "abort": [
                     *           {
                     *             "failure": "all",
                     *             "thresholdPercentage": 12.5,
                     *             "minimumExecuted": 4
                     *           }
                     *         ],
                     *         "timeoutMinutes": 30
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["DeploymentRevision"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    diffNodeDeploymentRevision: {
        parameters: {
            query?: {
                /** @description The revision to compare with; the one before, without it */
                from?: number;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
                /**
                 * @description Id or name
                 * @example 2
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "from": 1,
                     *       "to": 2,
                     *       "components": {},
                     *       "settings": {
                     *         "autoUpdate": {
                     *           "after": true
                     *         },
                     *         "policies": {
                     *           "after": {
                     *             "failureHandling": "do-nothing",
                     *             "componentUpdate": {
                     *               "action": "notify"
                     *             },
                     *             "validationSeconds": 9
                     *           }
                     *         },
                     *         "rollout": {
                     *           "after": {
                     *             "exponential": {
                     *               "baseRatePerMinute": 5,
                     *               "incrementFactor": 1.5,
                     *               "increaseAfter": {
                     *                 "notified": 3
                     *               }
                     *             },
                     *             "abort": [
                     *               {
                     *                 "failure": "all",
                     *                 "thresholdPercentage": 12.5,
                     *                 "minimumExecuted": 4
                     *               }
                     *             ],
                     *             "timeoutMinutes": 30
                     *           }
                     *         }
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["DeploymentDifferences"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeDeploymentStatus: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "nod_01k0example000000002",
                     *       "name": "n",
                     *       "state": "unreachable",
                     *       "since": "2026-01-01T12:00:00.000Z",
                     *       "wanted": {
                     *         "cell": "6b86b273ff34fce1",
                     *         "hash": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
                     *         "components": {
                     *           "com.example.A": "1.0.0"
                     *         }
                     *       },
                     *       "delivered": {
                     *         "cell": "6b86b273ff34fce1-1",
                     *         "hash": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
                     *         "components": {
                     *           "com.example.A": "1.0.0"
                     *         },
                     *         "deploymentId": "0b0c1e6e-8a8c-4d5b-9f5e-2f3c4b5a6d7e",
                     *         "jobId": "0b0c1e6e-8a8c-4d5b-9f5e-2f3c4b5a6d7e",
                     *         "sequence": 1,
                     *         "at": "2026-01-01T12:00:00.000Z"
                     *       },
                     *       "reported": {
                     *         "components": []
                     *       },
                     *       "agrees": {
                     *         "delivered": true,
                     *         "reported": false
                     *       },
                     *       "way": {
                     *         "arrived": true
                     *       },
                     *       "drift": [
                     *         {
                     *           "id": "nod_01k0example000000002.foreign.x",
                     *           "kind": "foreign-deployment",
                     *           "subject": {
                     *             "name": "n",
                     *             "id": "nod_01k0example000000002",
                     *             "type": "node"
                     *           },
                     *           "detail": "seen",
                     *           "since": "2026-01-01T12:00:00.000Z",
                     *           "repair": {
                     *             "possible": false,
                     *             "reason": "Slipway may change no thing group but its own: take the thing out with aws iot remove-thing-from-thing-group"
                     *           },
                     *           "adopt": {
                     *             "possible": false,
                     *             "reason": "make it the deployment of a node group, and take the thing out of the other thing group"
                     *           }
                     *         },
                     *         {
                     *           "id": "nod_01k0example000000002.group.grp_01k0example000000003",
                     *           "kind": "group-membership",
                     *           "subject": {
                     *             "id": "nod_01k0example000000002",
                     *             "type": "node",
                     *             "name": "n"
                     *           },
                     *           "detail": "seen",
                     *           "since": "2026-01-01T12:00:00.000Z",
                     *           "repair": {
                     *             "possible": true
                     *           },
                     *           "adopt": {
                     *             "possible": true
                     *           }
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["NodeDeploymentStatus"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listDrift: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "nod_01k0example000000002.foreign.x",
                     *           "kind": "foreign-deployment",
                     *           "subject": {
                     *             "type": "node",
                     *             "id": "nod_01k0example000000002",
                     *             "name": "n"
                     *           },
                     *           "detail": "seen",
                     *           "since": "2026-01-01T12:00:00.000Z",
                     *           "repair": {
                     *             "possible": false,
                     *             "reason": "Slipway may change no thing group but its own: take the thing out with aws iot remove-thing-from-thing-group"
                     *           },
                     *           "adopt": {
                     *             "possible": false,
                     *             "reason": "make it the deployment of a node group, and take the thing out of the other thing group"
                     *           }
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Drift"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    repairDrift: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002.group.grp_01k0example000000003
                 */
                drift: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000004",
                     *       "kind": "node.move",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `cannot-repair`: Slipway cannot put this right. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    adoptDrift: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002.group.grp_01k0example000000003
                 */
                drift: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000004",
                     *       "kind": "node.move",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `cannot-adopt`: This cannot become what is wanted. `ambiguous`: Deployments of equal priority disagree about a component. `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request. `too-many-groups`: A node is in at most nine node groups. `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    planChanges: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "nodeGroups": {
                 *         "g": {
                 *           "deployment": {
                 *             "edit": "replace",
                 *             "components": {
                 *               "com.example.A": {
                 *                 "version": "^1.0.0",
                 *                 "merge": {
                 *                   "a": 1
                 *                 },
                 *                 "reset": [
                 *                   "/b"
                 *                 ],
                 *                 "runWith": {
                 *                   "posixUser": "ggc_user",
                 *                   "systemResourceLimits": {
                 *                     "memory": 1024,
                 *                     "cpus": 0.5
                 *                   }
                 *                 }
                 *               }
                 *             },
                 *             "priority": 4,
                 *             "policies": {
                 *               "failureHandling": "do-nothing",
                 *               "componentUpdate": {
                 *                 "action": "notify"
                 *               },
                 *               "validationSeconds": 9
                 *             },
                 *             "rollout": {
                 *               "exponential": {
                 *                 "baseRatePerMinute": 5,
                 *                 "incrementFactor": 1.5,
                 *                 "increaseAfter": {
                 *                   "notified": 3
                 *                 }
                 *               },
                 *               "abort": [
                 *                 {
                 *                   "failure": "all",
                 *                   "thresholdPercentage": 12.5,
                 *                   "minimumExecuted": 4
                 *                 }
                 *               ],
                 *               "timeoutMinutes": 30
                 *             }
                 *           }
                 *         }
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PlanRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "hash": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "summary": {
                     *         "cells": {
                     *           "changed": 0,
                     *           "created": 0,
                     *           "vacated": 0
                     *         },
                     *         "nodes": {
                     *           "affected": 0,
                     *           "moved": 0,
                     *           "added": 0,
                     *           "removed": 0
                     *         },
                     *         "removals": {},
                     *         "refusals": 0,
                     *         "warnings": 0,
                     *         "transitions": 0,
                     *         "work": {
                     *           "thingGroups": 0,
                     *           "deliveries": 0,
                     *           "joins": 0,
                     *           "leaves": 0,
                     *           "jobs": 0,
                     *           "rolloutMinutes": 0
                     *         },
                     *         "seconds": 0
                     *       },
                     *       "refusals": [],
                     *       "warnings": [],
                     *       "transitions": []
                     *     }
                     */
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    planNodes: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Only nodes of this node group (name or id) */
                group?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "nodeGroups": {
                 *         "g": {
                 *           "deployment": {
                 *             "edit": "patch",
                 *             "components": {
                 *               "com.example.A": null
                 *             }
                 *           }
                 *         }
                 *       },
                 *       "nodes": {
                 *         "n": {
                 *           "deployment": null
                 *         }
                 *       },
                 *       "newNodes": [
                 *         {
                 *           "name": "planned",
                 *           "groups": [
                 *             "g"
                 *           ],
                 *           "runtime": "nucleus-lite"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["PlanRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "hash": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "items": [
                     *         {
                     *           "id": "nod_01k0example000000002",
                     *           "name": "n",
                     *           "from": {
                     *             "key": "d4735e3a265e16ee",
                     *             "targets": [
                     *               "grp_01k0example000000003",
                     *               "nod_01k0example000000002"
                     *             ],
                     *             "names": [
                     *               "node group g",
                     *               "node n"
                     *             ],
                     *             "runtime": "nucleus"
                     *           },
                     *           "to": {
                     *             "key": "4e07408562bedb8b",
                     *             "targets": [
                     *               "grp_01k0example000000003"
                     *             ],
                     *             "names": [
                     *               "node group g"
                     *             ],
                     *             "runtime": "nucleus"
                     *           },
                     *           "changes": [
                     *             {
                     *               "component": "com.example.A",
                     *               "change": "removed",
                     *               "before": "1.0.0"
                     *             }
                     *           ]
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["PlanNodes"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodes: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Only nodes of this node group (name or id) */
                group?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "nod_01k0example000000002",
                     *           "name": "n",
                     *           "description": "changed",
                     *           "status": "active",
                     *           "groups": [
                     *             "grp_01k0example000000003"
                     *           ],
                     *           "runtime": "nucleus",
                     *           "thing": "local-ws_01k0example000000001-nod_01k0example000000002",
                     *           "tokenExpiresAt": "2026-01-01T12:00:00.000Z",
                     *           "registeredAt": "2026-01-01T12:00:00.000Z",
                     *           "connection": {
                     *             "connected": false,
                     *             "since": "2026-01-01T12:00:00.000Z"
                     *           },
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Node"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createNode: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "n",
                 *       "groups": [
                 *         "g"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CreateNode"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000002",
                     *       "kind": "node.create",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node",
                     *         "id": "nod_01k0example000000003",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000003"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z",
                     *       "registration": {
                     *         "token": "slw_6b86b273ff34fce19d6b804eff5a3f5747ada4",
                     *         "expiresAt": "2026-01-01T12:00:00.000Z",
                     *         "command": "curl -fsSL https://api.example.com/v1/install.sh | sh -s -- --api https://api.example.com --token slw_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedNode"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `name-taken`: The name is taken. `not-ready`: The resource is not in a state that allows this. `ambiguous`: Deployments of equal priority disagree about a component */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request. `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "nod_01k0example000000002",
                     *       "name": "n",
                     *       "description": "changed",
                     *       "status": "active",
                     *       "groups": [
                     *         "grp_01k0example000000003"
                     *       ],
                     *       "runtime": "nucleus",
                     *       "thing": "local-ws_01k0example000000001-nod_01k0example000000002",
                     *       "registeredAt": "2026-01-01T12:00:00.000Z",
                     *       "connection": {
                     *         "connected": true,
                     *         "since": "2026-01-01T12:00:00.000Z"
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteNode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "node.delete",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateNode: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag that was read, or `*` */
                "If-Match": string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditDescription"];
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/json": components["schemas"]["EditDescription"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "nod_01k0example000000002",
                     *       "name": "n",
                     *       "description": "changed",
                     *       "status": "active",
                     *       "groups": [
                     *         "grp_01k0example000000003"
                     *       ],
                     *       "runtime": "nucleus",
                     *       "thing": "local-ws_01k0example000000001-nod_01k0example000000002",
                     *       "tokenExpiresAt": "2026-01-01T12:00:00.000Z",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-required`: If-Match is needed */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateNodeMemberships: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read, or `*` */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "remove": [
                 *         "g"
                 *       ]
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditMemberships"];
                /**
                 * @example {
                 *       "remove": [
                 *         "g"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["EditMemberships"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "node.move",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node",
                     *         "id": "nod_01k0example000000002",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time. `ambiguous`: Deployments of equal priority disagree about a component */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too-many-groups`: A node is in at most nine node groups. `unresolvable`: No published version satisfies the requirement. `unmet-dependency`: A dependency of a component cannot be met. `deployment-too-large`: Together, the deployments of a node are more than a device takes */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createRegistrationToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["CreateRegistrationToken"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "token": "slw_6b86b273ff34fce19d6b804eff5a3f5747ada4",
                     *       "expiresAt": "2026-01-01T12:00:00.000Z",
                     *       "command": "curl -fsSL https://api.example.com/v1/install.sh | sh -s -- --api https://api.example.com --token slw_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                     *     }
                     */
                    "application/json": components["schemas"]["RegistrationToken"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeRegistrationToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reRegisterNode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["CreateRegistrationToken"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "token": "slw_6b86b273ff34fce19d6b804eff5a3f5747ada4",
                     *       "expiresAt": "2026-01-01T12:00:00.000Z",
                     *       "command": "curl -fsSL https://api.example.com/v1/install.sh | sh -s -- --api https://api.example.com --token slw_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                     *     }
                     */
                    "application/json": components["schemas"]["RegistrationToken"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodeCertificates: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *           "status": "active",
                     *           "keyFingerprint": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "activatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Certificate"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeNodeCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example nod_01k0example000000002
                 */
                node: string;
                /**
                 * @description Id or name
                 * @example 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
                 */
                certificate: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "certificate.revoke",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "certificate",
                     *         "id": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *         "name": "n",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/nodes/nod_01k0example000000002/certificates"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    register: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "token": "slw_6b86b273ff34fce19d6b804eff5a3f5747ada4"
                 *     }
                 */
                "application/json": components["schemas"]["Register"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "thing": "local-ws_01k0example000000001-nod_01k0example000000002",
                     *       "region": "eu-west-1",
                     *       "runtime": "nucleus",
                     *       "claim": {
                     *         "certificatePem": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
                     *         "privateKey": "-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\n",
                     *         "expiresAt": "2026-01-01T12:00:00.000Z"
                     *       },
                     *       "template": "local-slipway-node",
                     *       "roleAlias": "local-slipway-device",
                     *       "endpoints": {
                     *         "mqtt": "aws.example.com",
                     *         "credentials": "aws.example.com",
                     *         "greengrass": "aws.example.com"
                     *       },
                     *       "rootCa": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"
                     *     }
                     */
                    "application/json": components["schemas"]["Registration"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: Another change of the same thing is being applied. `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getInstaller: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/x-shellscript": string;
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodeImports: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "imp_01k0example000000002",
                     *           "status": "succeeded",
                     *           "format": "csv",
                     *           "size": 14,
                     *           "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *           "tokenExpiresInSeconds": 604800,
                     *           "counts": {
                     *             "rows": 1,
                     *             "created": 1,
                     *             "existing": 0,
                     *             "failed": 0,
                     *             "tokens": 1
                     *           },
                     *           "faultCount": 0,
                     *           "faults": [],
                     *           "intent": "int_01k0example000000003",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["NodeImport"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createNodeImport: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "format": "csv",
                 *       "size": 9,
                 *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
                 *     }
                 */
                "application/json": components["schemas"]["CreateNodeImport"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Path of what was created */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "imp_01k0example000000002",
                     *       "status": "draft",
                     *       "format": "csv",
                     *       "size": 9,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "tokenExpiresInSeconds": 604800,
                     *       "counts": {
                     *         "created": 0,
                     *         "existing": 0,
                     *         "failed": 0,
                     *         "tokens": 0
                     *       },
                     *       "faultCount": 0,
                     *       "faults": [],
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z",
                     *       "upload": {
                     *         "method": "PUT",
                     *         "url": "https://api.example.com/slipway-local-imports-123456789012/uploads/ws_01k0example000000001/imp_01k0example000000002?X-Amz-Signature=example",
                     *         "headers": {
                     *           "content-length": "9",
                     *           "x-amz-checksum-sha256": "F/hV1kaML3idHqQe5f6gZiCojhsyX8cmaxw2s4lNxGA="
                     *         },
                     *         "expiresAt": "2026-01-01T12:00:00.000Z"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedNodeImport"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNodeImport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example imp_01k0example000000002
                 */
                nodeImport: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "imp_01k0example000000002",
                     *       "status": "failed",
                     *       "format": "csv",
                     *       "size": 9,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "tokenExpiresInSeconds": 604800,
                     *       "counts": {
                     *         "created": 0,
                     *         "existing": 0,
                     *         "failed": 0,
                     *         "tokens": 0
                     *       },
                     *       "faultCount": 1,
                     *       "faults": [
                     *         {
                     *           "line": 2,
                     *           "field": "name",
                     *           "rule": "invalid-format",
                     *           "detail": "1 to 64 of letters, digits, '.', '_' and '-', the first a letter or digit"
                     *         }
                     *       ],
                     *       "intent": "int_01k0example000000003",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z",
                     *       "faultFile": {
                     *         "url": "https://api.example.com/slipway-local-imports-123456789012/faults/ws_01k0example000000001/imp_01k0example000000002.jsonl?X-Amz-Signature=example",
                     *         "expiresAt": "2026-01-01T12:00:00.000Z"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["NodeImport"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteNodeImport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example imp_01k0example000000002
                 */
                nodeImport: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "node-import.delete",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node-import",
                     *         "id": "imp_01k0example000000002",
                     *         "name": "imp_01k0example000000002",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-imports/imp_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    startNodeImport: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example imp_01k0example000000002
                 */
                nodeImport: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "node-import.run",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "node-import",
                     *         "id": "imp_01k0example000000002",
                     *         "name": "imp_01k0example000000002",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/node-imports/imp_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listComponents: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Only those whose name begins so */
                prefix?: string;
                /** @description Only those whose name has this in it, in any letter case */
                search?: string;
                /** @description Only those of this publisher */
                publisher?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "cmp_01k0example000000002",
                     *           "name": "com.example.A",
                     *           "description": "changed",
                     *           "publisher": "p",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Component"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createComponent: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "com.example.A",
                 *       "publisher": "p"
                 *     }
                 */
                "application/json": components["schemas"]["CreateComponent"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Path of what was created */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "cmp_01k0example000000002",
                     *       "name": "com.example.A",
                     *       "publisher": "p",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Component"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `name-taken`: The name is taken. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    importComponent: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "aws.greengrass.Cli"
                 *     }
                 */
                "application/json": components["schemas"]["ImportComponent"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000002",
                     *       "kind": "component.import",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "component",
                     *         "id": "aws.greengrass.Cli",
                     *         "name": "aws.greengrass.Cli",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/components"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `name-taken`: The name is taken. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getComponent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "cmp_01k0example000000002",
                     *       "name": "com.example.A",
                     *       "description": "changed",
                     *       "publisher": "p",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Component"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteComponent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `component-not-empty`: The component has versions */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateComponent: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag that was read, or `*` */
                "If-Match": string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditComponent"];
                /**
                 * @example {
                 *       "description": "changed"
                 *     }
                 */
                "application/json": components["schemas"]["EditComponent"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "cmp_01k0example000000002",
                     *       "name": "com.example.A",
                     *       "description": "changed",
                     *       "publisher": "p",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Component"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-required`: If-Match is needed */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listComponentVersions: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "ver_01k0example000000003",
                     *           "component": "com.example.A",
                     *           "version": "1.1.0",
                     *           "status": "draft",
                     *           "componentType": "aws.greengrass.generic",
                     *           "clonedFrom": "ver_01k0example000000004",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ",
                     *       "newest": {
                     *         "id": "ver_01k0example000000004",
                     *         "version": "1.0.0"
                     *       },
                     *       "highest": {
                     *         "id": "ver_01k0example000000004",
                     *         "version": "1.0.0"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ListedComponentVersions"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createComponentVersion: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "version": "1.0.0",
                 *       "recipe": {
                 *         "run": "true",
                 *         "configuration": {
                 *           "a": [
                 *             1,
                 *             null,
                 *             {
                 *               "b": "c"
                 *             }
                 *           ]
                 *         }
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CreateComponentVersion"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Path of what was created */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "ver_01k0example000000003",
                     *       "component": "com.example.A",
                     *       "version": "1.0.0",
                     *       "status": "draft",
                     *       "componentType": "aws.greengrass.generic",
                     *       "recipe": {
                     *         "platform": {
                     *           "os": "*"
                     *         },
                     *         "run": "true",
                     *         "configuration": {
                     *           "a": [
                     *             1,
                     *             null,
                     *             {
                     *               "b": "c"
                     *             }
                     *           ]
                     *         }
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["ComponentVersion"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid. `invalid-recipe`: The recipe is not one that Greengrass takes */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `name-taken`: The name is taken. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getComponentVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "ver_01k0example000000003",
                     *       "component": "com.example.A",
                     *       "version": "1.0.0",
                     *       "status": "draft",
                     *       "componentType": "aws.greengrass.generic",
                     *       "recipe": {
                     *         "platform": {
                     *           "os": "*"
                     *         },
                     *         "run": "true",
                     *         "configuration": {
                     *           "a": [
                     *             1,
                     *             null,
                     *             {
                     *               "b": "c"
                     *             }
                     *           ]
                     *         }
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["ComponentVersion"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteComponentVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000004",
                     *       "kind": "component-version.delete",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "component-version",
                     *         "id": "ver_01k0example000000003",
                     *         "name": "com.example.A 1.0.0",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/components/cmp_01k0example000000002/versions/ver_01k0example000000003"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `version-in-use`: A deployment uses this version. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateComponentVersion: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag that was read, or `*` */
                "If-Match": string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "recipeText": {
                 *         "format": "json",
                 *         "text": "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"com.example.A\",\"ComponentVersion\":\"1.1.0\",\"Manifests\":[{\"Lifecycle\":{\"run\":\"true\"}}]}"
                 *       }
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditComponentVersion"];
                /**
                 * @example {
                 *       "recipeText": {
                 *         "format": "json",
                 *         "text": "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"com.example.A\",\"ComponentVersion\":\"1.1.0\",\"Manifests\":[{\"Lifecycle\":{\"run\":\"true\"}}]}"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["EditComponentVersion"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "ver_01k0example000000003",
                     *       "component": "com.example.A",
                     *       "version": "1.1.0",
                     *       "status": "draft",
                     *       "componentType": "aws.greengrass.generic",
                     *       "clonedFrom": "ver_01k0example000000004",
                     *       "recipeText": {
                     *         "format": "json",
                     *         "text": "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"com.example.A\",\"ComponentVersion\":\"1.1.0\",\"Manifests\":[{\"Lifecycle\":{\"run\":\"true\"}}]}"
                     *       },
                     *       "document": {
                     *         "RecipeFormatVersion": "2020-01-25",
                     *         "ComponentName": "com.example.A",
                     *         "ComponentVersion": "1.1.0",
                     *         "Manifests": [
                     *           {
                     *             "Lifecycle": {
                     *               "run": "true"
                     *             }
                     *           }
                     *         ]
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["ComponentVersion"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-recipe`: The recipe is not one that Greengrass takes */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `version-immutable`: A published version never changes */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-required`: If-Match is needed */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getComponentVersionFindings: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "publishable": true,
                     *       "findings": [
                     *         {
                     *           "pointer": "/Manifests",
                     *           "rule": "nucleus-lite-platform",
                     *           "severity": "warning",
                     *           "detail": "no manifest is for nucleus lite",
                     *           "hint": "Say `runtime: \"*\"` in a Platform for linux, if devices with it are to have the component.",
                     *           "line": 1,
                     *           "column": 108
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RecipeFindings"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getComponentVersionDiff: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000004
                 */
                from: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "from": {
                     *         "id": "ver_01k0example000000004",
                     *         "version": "1.1.0"
                     *       },
                     *       "to": {
                     *         "id": "ver_01k0example000000003",
                     *         "version": "1.0.0"
                     *       },
                     *       "recipe": [
                     *         {
                     *           "pointer": "/ComponentVersion",
                     *           "change": "changed",
                     *           "from": "1.1.0",
                     *           "to": "1.0.0"
                     *         },
                     *         {
                     *           "pointer": "/Manifests/0/Platform",
                     *           "change": "added",
                     *           "to": {
                     *             "runtime": "*",
                     *             "os": "*"
                     *           }
                     *         },
                     *         {
                     *           "pointer": "/Manifests/0/Artifacts",
                     *           "change": "added",
                     *           "to": [
                     *             {
                     *               "Uri": "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/a",
                     *               "Unarchive": "NONE",
                     *               "Permission": {
                     *                 "Read": "OWNER",
                     *                 "Execute": "OWNER"
                     *               }
                     *             }
                     *           ]
                     *         },
                     *         {
                     *           "pointer": "/ComponentType",
                     *           "change": "added",
                     *           "to": "aws.greengrass.generic"
                     *         },
                     *         {
                     *           "pointer": "/ComponentDescription",
                     *           "change": "added",
                     *           "to": "changed"
                     *         },
                     *         {
                     *           "pointer": "/ComponentPublisher",
                     *           "change": "added",
                     *           "to": "p"
                     *         },
                     *         {
                     *           "pointer": "/ComponentConfiguration",
                     *           "change": "added",
                     *           "to": {
                     *             "DefaultConfiguration": {
                     *               "a": [
                     *                 1,
                     *                 null,
                     *                 {
                     *                   "b": "c"
                     *                 }
                     *               ]
                     *             }
                     *           }
                     *         }
                     *       ],
                     *       "files": []
                     *     }
                     */
                    "application/json": components["schemas"]["ComponentVersionDiff"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listComponentVersionUsage: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description What to list */
                of?: "deployments" | "nodes";
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": []
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["UserOfVersion"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deprecateComponentVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "old"
                 *     }
                 */
                "application/json": components["schemas"]["DeprecateComponentVersion"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "ver_01k0example000000003",
                     *       "component": "com.example.A",
                     *       "version": "1.0.0",
                     *       "status": "published",
                     *       "componentType": "aws.greengrass.generic",
                     *       "recipe": {
                     *         "platform": {
                     *           "os": "*"
                     *         },
                     *         "run": "true",
                     *         "configuration": {
                     *           "a": [
                     *             1,
                     *             null,
                     *             {
                     *               "b": "c"
                     *             }
                     *           ]
                     *         }
                     *       },
                     *       "arn": "arn:aws:greengrass:eu-west-1:123456789012:components:com.example.A:versions:1.0.0",
                     *       "artifactBytes": 1,
                     *       "deprecated": {
                     *         "reason": "old",
                     *         "at": "2026-01-01T12:00:00.000Z",
                     *         "by": "developer"
                     *       },
                     *       "catalogueNumber": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["ComponentVersion"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    restoreComponentVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "ver_01k0example000000003",
                     *       "component": "com.example.A",
                     *       "version": "1.0.0",
                     *       "status": "published",
                     *       "componentType": "aws.greengrass.generic",
                     *       "recipe": {
                     *         "platform": {
                     *           "os": "*"
                     *         },
                     *         "run": "true",
                     *         "configuration": {
                     *           "a": [
                     *             1,
                     *             null,
                     *             {
                     *               "b": "c"
                     *             }
                     *           ]
                     *         }
                     *       },
                     *       "arn": "arn:aws:greengrass:eu-west-1:123456789012:components:com.example.A:versions:1.0.0",
                     *       "artifactBytes": 1,
                     *       "catalogueNumber": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["ComponentVersion"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportComponentVersion: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "path": "gdk-config.json",
                     *           "size": 507,
                     *           "text": "{\n  \"gdk_version\": \"1.5.0\",\n  \"component\": {\n    \"com.example.A\": {\n      \"author\": \"p\",\n      \"version\": \"1.0.0\",\n      \"build\": {\n        \"build_system\": \"custom\",\n        \"custom_build_command\": [\n          \"sh\",\n          \"-c\",\n          \"mkdir -p artifacts/ && cp -R artifacts/. greengrass-build/artifacts/com.example.A/1.0.0/ && cp recipe.json greengrass-build/recipes/\"\n        ]\n      },\n      \"publish\": {\n        \"bucket\": \"<PLACEHOLDER_BUCKET>\",\n        \"region\": \"eu-west-1\"\n      }\n    }\n  }\n}\n"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["FolderFile"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listComponentFiles: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "path": "dist/a",
                     *           "size": 1,
                     *           "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *           "createdAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["ComponentFile"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createComponentFile: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "path": "dist/a",
                 *       "size": 1,
                 *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
                 *     }
                 */
                "application/json": components["schemas"]["CreateFile"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "path": "dist/a",
                     *       "size": 1,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "upload": {
                     *         "method": "PUT",
                     *         "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/dist/a?X-Amz-Signature=example",
                     *         "headers": {
                     *           "content-length": "1",
                     *           "x-amz-checksum-sha256": "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=",
                     *           "if-none-match": "*"
                     *         },
                     *         "expiresAt": "2026-01-01T12:00:00.000Z"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedFile"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `version-immutable`: A published version never changes. `path-clash`: Two files' paths cannot be beside one another. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: Another change of the same thing is being applied. `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getComponentFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
                /**
                 * @description Path, with its slashes as they are
                 * @example dist/a
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "path": "dist/a",
                     *       "size": 1,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "uploaded": true,
                     *       "download": {
                     *         "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/dist/a?X-Amz-Signature=example",
                     *         "expiresAt": "2026-01-01T12:00:00.000Z"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["FoundFile"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteComponentFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
                /**
                 * @description Path, with its slashes as they are
                 * @example src/large
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `version-immutable`: A published version never changes. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: Another change of the same thing is being applied. `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getComponentUpload: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
                /**
                 * @description Path, with its slashes as they are
                 * @example src/large
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "part": 1,
                     *           "size": 16777216,
                     *           "received": false,
                     *           "upload": {
                     *             "method": "PUT",
                     *             "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/src/large?X-Amz-Signature=example",
                     *             "headers": {
                     *               "content-length": "16777216"
                     *             },
                     *             "expiresAt": "2026-01-01T12:00:00.000Z"
                     *           }
                     *         },
                     *         {
                     *           "part": 2,
                     *           "size": 16777216,
                     *           "received": false,
                     *           "upload": {
                     *             "method": "PUT",
                     *             "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/src/large?X-Amz-Signature=example",
                     *             "headers": {
                     *               "content-length": "16777216"
                     *             },
                     *             "expiresAt": "2026-01-01T12:00:00.000Z"
                     *           }
                     *         },
                     *         {
                     *           "part": 3,
                     *           "size": 16777216,
                     *           "received": false,
                     *           "upload": {
                     *             "method": "PUT",
                     *             "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/src/large?X-Amz-Signature=example",
                     *             "headers": {
                     *               "content-length": "16777216"
                     *             },
                     *             "expiresAt": "2026-01-01T12:00:00.000Z"
                     *           }
                     *         },
                     *         {
                     *           "part": 4,
                     *           "size": 16777216,
                     *           "received": false,
                     *           "upload": {
                     *             "method": "PUT",
                     *             "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/src/large?X-Amz-Signature=example",
                     *             "headers": {
                     *               "content-length": "16777216"
                     *             },
                     *             "expiresAt": "2026-01-01T12:00:00.000Z"
                     *           }
                     *         },
                     *         {
                     *           "part": 5,
                     *           "size": 1,
                     *           "received": false,
                     *           "upload": {
                     *             "method": "PUT",
                     *             "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/src/large?X-Amz-Signature=example",
                     *             "headers": {
                     *               "content-length": "1"
                     *             },
                     *             "expiresAt": "2026-01-01T12:00:00.000Z"
                     *           }
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["UploadPart"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    completeComponentUpload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
                /**
                 * @description Path, with its slashes as they are
                 * @example src/large
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "path": "src/large",
                     *       "size": 67108865,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "createdAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["ComponentFile"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `version-immutable`: A published version never changes. `upload-incomplete`: Parts of the upload are missing. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: Another change of the same thing is being applied. `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    applyComponentManifest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "files": [
                 *         {
                 *           "path": "dist/a",
                 *           "size": 1,
                 *           "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
                 *         },
                 *         {
                 *           "path": "dist/b",
                 *           "size": 1,
                 *           "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["Manifest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "path": "dist/a",
                     *           "status": "skipped"
                     *         },
                     *         {
                     *           "path": "dist/b",
                     *           "status": "upload",
                     *           "upload": {
                     *             "method": "PUT",
                     *             "url": "https://api.example.com/ws-abc-acme-comp-artifacts/components/com.example.A/1.0.0/dist/b?X-Amz-Signature=example",
                     *             "headers": {
                     *               "content-length": "1",
                     *               "x-amz-checksum-sha256": "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=",
                     *               "if-none-match": "*"
                     *             },
                     *             "expiresAt": "2026-01-01T12:00:00.000Z"
                     *           }
                     *         }
                     *       ],
                     *       "extra": [],
                     *       "more": false
                     *     }
                     */
                    "application/json": components["schemas"]["ManifestAnswer"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `version-immutable`: A published version never changes. `path-clash`: Two files' paths cannot be beside one another. `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: Another change of the same thing is being applied. `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    publishComponentVersion: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example cmp_01k0example000000002
                 */
                component: string;
                /**
                 * @description Id or name
                 * @example ver_01k0example000000003
                 */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000004",
                     *       "kind": "component-version.publish",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "component-version",
                     *         "id": "ver_01k0example000000003",
                     *         "name": "com.example.A 1.0.0",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/components/cmp_01k0example000000002/versions/ver_01k0example000000003"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `version-immutable`: A published version never changes */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listReleases: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "rel_01k0example000000002",
                     *           "app": "app",
                     *           "environment": "prod",
                     *           "version": "1.0.0",
                     *           "attributes": [],
                     *           "cpuArch": [],
                     *           "hardware": [],
                     *           "rollout": 50,
                     *           "allowDowngrade": false,
                     *           "status": "published",
                     *           "availability": "offered",
                     *           "publishedAt": "2026-01-01T12:00:00.000Z",
                     *           "size": 6,
                     *           "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *           "md5": "9d7183f16acce70658f686ae7f1a4d20",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Release"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "app": "app",
                 *       "environment": "prod",
                 *       "version": "1.0.0",
                 *       "size": 6,
                 *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
                 *     }
                 */
                "application/json": components["schemas"]["CreateRelease"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Path of what was created */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "rel_01k0example000000002",
                     *       "app": "app",
                     *       "environment": "prod",
                     *       "version": "1.0.0",
                     *       "attributes": [],
                     *       "cpuArch": [],
                     *       "hardware": [],
                     *       "rollout": 100,
                     *       "allowDowngrade": false,
                     *       "status": "draft",
                     *       "size": 6,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z",
                     *       "upload": {
                     *         "method": "PUT",
                     *         "url": "https://api.example.com/slipway-local-ota-123456789012/uploads/ws_01k0example000000001/rel_01k0example000000002?X-Amz-Signature=example",
                     *         "headers": {
                     *           "content-length": "6",
                     *           "x-amz-checksum-sha256": "mjpF0BUxog6JrGrhCwsL6wSSrNchajaKoGLRpf7K+c0="
                     *         },
                     *         "expiresAt": "2026-01-01T12:00:00.000Z"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedRelease"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRelease: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "rel_01k0example000000002",
                     *       "app": "app",
                     *       "environment": "prod",
                     *       "version": "1.0.0",
                     *       "attributes": [],
                     *       "cpuArch": [],
                     *       "hardware": [],
                     *       "rollout": 50,
                     *       "allowDowngrade": false,
                     *       "status": "published",
                     *       "availability": "offered",
                     *       "publishedAt": "2026-01-01T12:00:00.000Z",
                     *       "size": 6,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "md5": "9d7183f16acce70658f686ae7f1a4d20",
                     *       "reports": {
                     *         "installed": 1,
                     *         "failed": 0,
                     *         "rolledBack": 0
                     *       },
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Release"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteRelease: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "release.delete",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "release",
                     *         "id": "rel_01k0example000000002",
                     *         "name": "never-uploaded 1.0.0 (prod)",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/releases/rel_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateRelease: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag that was read, or `*` */
                "If-Match": string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "rollout": 50,
                 *       "reason": "slowly"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditRelease"];
                /**
                 * @example {
                 *       "rollout": 50,
                 *       "reason": "slowly"
                 *     }
                 */
                "application/json": components["schemas"]["EditRelease"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "rel_01k0example000000002",
                     *       "app": "app",
                     *       "environment": "prod",
                     *       "version": "1.0.0",
                     *       "attributes": [],
                     *       "cpuArch": [],
                     *       "hardware": [],
                     *       "rollout": 50,
                     *       "allowDowngrade": false,
                     *       "status": "published",
                     *       "availability": "offered",
                     *       "publishedAt": "2026-01-01T12:00:00.000Z",
                     *       "size": 6,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "md5": "9d7183f16acce70658f686ae7f1a4d20",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Release"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-required`: If-Match is needed */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    publishRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "release.publish",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "release",
                     *         "id": "rel_01k0example000000002",
                     *         "name": "app 1.0.0 (prod)",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/releases/rel_01k0example000000002"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    pauseRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "seen"
                 *     }
                 */
                "application/json": components["schemas"]["ChangeAvailability"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "rel_01k0example000000002",
                     *       "app": "app",
                     *       "environment": "prod",
                     *       "version": "1.0.0",
                     *       "attributes": [],
                     *       "cpuArch": [],
                     *       "hardware": [],
                     *       "rollout": 50,
                     *       "allowDowngrade": false,
                     *       "status": "published",
                     *       "availability": "paused",
                     *       "publishedAt": "2026-01-01T12:00:00.000Z",
                     *       "size": 6,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "md5": "9d7183f16acce70658f686ae7f1a4d20",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Release"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resumeRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "seen"
                 *     }
                 */
                "application/json": components["schemas"]["ChangeAvailability"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "rel_01k0example000000002",
                     *       "app": "app",
                     *       "environment": "prod",
                     *       "version": "1.0.0",
                     *       "attributes": [],
                     *       "cpuArch": [],
                     *       "hardware": [],
                     *       "rollout": 50,
                     *       "allowDowngrade": false,
                     *       "status": "published",
                     *       "availability": "offered",
                     *       "publishedAt": "2026-01-01T12:00:00.000Z",
                     *       "size": 6,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "md5": "9d7183f16acce70658f686ae7f1a4d20",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Release"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    withdrawRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "seen"
                 *     }
                 */
                "application/json": components["schemas"]["ChangeAvailability"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "rel_01k0example000000002",
                     *       "app": "app",
                     *       "environment": "prod",
                     *       "version": "1.0.0",
                     *       "attributes": [],
                     *       "cpuArch": [],
                     *       "hardware": [],
                     *       "rollout": 50,
                     *       "allowDowngrade": false,
                     *       "status": "published",
                     *       "availability": "withdrawn",
                     *       "publishedAt": "2026-01-01T12:00:00.000Z",
                     *       "size": 6,
                     *       "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                     *       "md5": "9d7183f16acce70658f686ae7f1a4d20",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Release"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    promoteRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "environment": "beta"
                 *     }
                 */
                "application/json": components["schemas"]["PromoteRelease"];
            };
        };
        responses: {
            /** @description Accepted; the intent tells what comes of it */
            202: {
                headers: {
                    /** @description Path of the intent */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000003",
                     *       "kind": "release.publish",
                     *       "status": "requested",
                     *       "workspaceId": "ws_01k0example000000001",
                     *       "subject": {
                     *         "type": "release",
                     *         "id": "rel_01k0example000000004",
                     *         "name": "app 1.0.0 (beta)",
                     *         "href": "/v1/workspaces/ws_01k0example000000001/releases/rel_01k0example000000004"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listReleaseChanges: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example rel_01k0example000000002
                 */
                release: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "at": "2026-01-01T12:00:00.000Z",
                     *           "action": "promoted",
                     *           "by": "developer",
                     *           "changes": {
                     *             "environment": "beta",
                     *             "release": "rel_01k0example000000003"
                     *           }
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["ReleaseChange"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSigningKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "algorithm": "ecdsa-p256-sha256",
                     *       "keys": []
                     *     }
                     */
                    "application/json": components["schemas"]["SigningKeys"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createReport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "app": "app",
                 *       "version": "1.0.0",
                 *       "outcome": "installed"
                 *     }
                 */
                "application/json": components["schemas"]["Report"];
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Events that arrived from this time on: an hour ago unless it is given. With a cursor it is of no matter */
                since?: string;
                /** @description Only events of these types, with commas; `slipway.node.*` for all of nodes, `*` for all */
                type?: string;
                /** @description Only events about the object with this id */
                subject?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "specversion": "1.0",
                     *           "id": "evt_01k0example000000002",
                     *           "source": "/slipway/local/workspaces/ws_01k0example000000001",
                     *           "type": "slipway.intent.accepted",
                     *           "subject": "int_01k0example000000003",
                     *           "time": "2026-01-01T12:00:00.000Z",
                     *           "datacontenttype": "application/json",
                     *           "dataschema": "https://api.example.com/v1/event-schemas/slipway.intent.accepted/1",
                     *           "workspaceid": "ws_01k0example000000001",
                     *           "sequence": "0000000001",
                     *           "data": {
                     *             "id": "int_01k0example000000003",
                     *             "kind": "workspace.create",
                     *             "status": "requested",
                     *             "workspaceId": "ws_01k0example000000001",
                     *             "subject": {
                     *               "type": "workspace",
                     *               "id": "ws_01k0example000000001",
                     *               "name": "acme",
                     *               "href": "/v1/workspaces/ws_01k0example000000001"
                     *             },
                     *             "attempt": 1,
                     *             "createdAt": "2026-01-01T12:00:00.000Z",
                     *             "updatedAt": "2026-01-01T12:00:00.000Z",
                     *             "requestedBy": "developer"
                     *           }
                     *         },
                     *         {
                     *           "specversion": "1.0",
                     *           "id": "evt_01k0example000000004",
                     *           "source": "/slipway/local/workspaces/ws_01k0example000000001",
                     *           "type": "slipway.intent.started",
                     *           "subject": "int_01k0example000000003",
                     *           "time": "2026-01-01T12:00:00.000Z",
                     *           "datacontenttype": "application/json",
                     *           "dataschema": "https://api.example.com/v1/event-schemas/slipway.intent.started/1",
                     *           "workspaceid": "ws_01k0example000000001",
                     *           "sequence": "0000000002",
                     *           "data": {
                     *             "id": "int_01k0example000000003",
                     *             "kind": "workspace.create",
                     *             "status": "running",
                     *             "workspaceId": "ws_01k0example000000001",
                     *             "subject": {
                     *               "type": "workspace",
                     *               "id": "ws_01k0example000000001",
                     *               "name": "acme",
                     *               "href": "/v1/workspaces/ws_01k0example000000001"
                     *             },
                     *             "attempt": 1,
                     *             "createdAt": "2026-01-01T12:00:00.000Z",
                     *             "updatedAt": "2026-01-01T12:00:00.000Z",
                     *             "requestedBy": "developer"
                     *           }
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ",
                     *       "resume": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Event"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                        /** @description Where to go on from later, as `cursor`: on every page */
                        resume: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listEventRules: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "evr_01k0example000000002",
                     *           "source": "com.example.contract",
                     *           "operations": [
                     *             "deleteNode"
                     *           ],
                     *           "createdBy": "developer",
                     *           "createdAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["EventRule"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createEventRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and request again gets the first answer again, for 24 hours */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "source": "com.example.contract",
                 *       "operations": [
                 *         "deleteNode"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CreateEventRule"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Path of what was created */
                    Location: string;
                    /** @description `true`: the stored answer again */
                    "Idempotent-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "evr_01k0example000000002",
                     *       "source": "com.example.contract",
                     *       "operations": [
                     *         "deleteNode"
                     *       ],
                     *       "createdBy": "developer",
                     *       "createdAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["EventRule"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON. `invalid-idempotency-key`: The Idempotency-Key is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-in-progress`: The first request with this Idempotency-Key is still running. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-key-reused`: The Idempotency-Key was used for another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteEventRule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example evr_01k0example000000002
                 */
                eventRule: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "whk_01k0example000000002",
                     *           "url": "https://api.example.com/",
                     *           "events": [
                     *             "slipway.node.*",
                     *             "slipway.release.published"
                     *           ],
                     *           "description": "d",
                     *           "enabled": true,
                     *           "failingSince": "2026-01-01T12:00:00.000Z",
                     *           "previousSecretUntil": "2026-01-01T12:00:00.000Z",
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Webhook"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "url": "https://api.example.com/",
                 *       "events": [
                 *         "slipway.node.*",
                 *         "slipway.release.published"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CreateWebhook"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Path of what was created */
                    Location: string;
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "whk_01k0example000000002",
                     *       "url": "https://api.example.com/",
                     *       "events": [
                     *         "slipway.node.*",
                     *         "slipway.release.published"
                     *       ],
                     *       "enabled": true,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z",
                     *       "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `limit-reached`: There can be no more of these. `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example whk_01k0example000000002
                 */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "whk_01k0example000000002",
                     *       "url": "https://api.example.com/",
                     *       "events": [
                     *         "slipway.node.*",
                     *         "slipway.release.published"
                     *       ],
                     *       "description": "d",
                     *       "enabled": true,
                     *       "failingSince": "2026-01-01T12:00:00.000Z",
                     *       "previousSecretUntil": "2026-01-01T12:00:00.000Z",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example whk_01k0example000000002
                 */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateWebhook: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag that was read, or `*` */
                "If-Match": string;
            };
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example whk_01k0example000000002
                 */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "description": "d",
                 *       "enabled": false
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["EditWebhook"];
                /**
                 * @example {
                 *       "description": "d",
                 *       "enabled": false
                 *     }
                 */
                "application/json": components["schemas"]["EditWebhook"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "whk_01k0example000000002",
                     *       "url": "https://api.example.com/",
                     *       "events": [
                     *         "slipway.node.*",
                     *         "slipway.release.published"
                     *       ],
                     *       "description": "d",
                     *       "enabled": false,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-failed`: The resource has changed since it was read */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition-required`: If-Match is needed */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example whk_01k0example000000002
                 */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Revision, for If-Match */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "whk_01k0example000000002",
                     *       "url": "https://api.example.com/",
                     *       "events": [
                     *         "slipway.node.*",
                     *         "slipway.release.published"
                     *       ],
                     *       "description": "d",
                     *       "enabled": true,
                     *       "previousSecretUntil": "2026-01-01T12:00:00.000Z",
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z",
                     *       "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: Something else changed this at the same time */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example whk_01k0example000000002
                 */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": "2026-01-01T12:00:00.000Z",
                     *       "durationMs": 12,
                     *       "error": "ECONNREFUSED"
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookTry"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWebhookDeliveries: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example whk_01k0example000000002
                 */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "evt_01k0example000000003",
                     *           "type": "slipway.release.published",
                     *           "status": "pending",
                     *           "tries": [
                     *             {
                     *               "at": "2026-01-01T12:00:00.000Z",
                     *               "durationMs": 12,
                     *               "error": "ECONNREFUSED"
                     *             }
                     *           ],
                     *           "nextTryAt": "2026-01-01T12:00:00.000Z",
                     *           "createdAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["WebhookDelivery"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replayWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
                /**
                 * @description Id or name
                 * @example whk_01k0example000000002
                 */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "since": "2026-01-01T12:00:00.000Z"
                 *     }
                 */
                "application/json": components["schemas"]["ReplayWebhook"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "deliveries": 0
                     *     }
                     */
                    "application/json": components["schemas"]["ReplayedWebhook"];
                };
            };
            /** @description `invalid-request`: The request is not valid. `malformed-json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-ready`: The resource is not in a state that allows this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The body's media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listIntents: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "int_01k0example000000002",
                     *           "kind": "release.delete",
                     *           "status": "succeeded",
                     *           "workspaceId": "ws_01k0example000000001",
                     *           "subject": {
                     *             "type": "release",
                     *             "id": "rel_01k0example000000003",
                     *             "name": "app 1.0.0 (beta)",
                     *             "href": "/v1/workspaces/ws_01k0example000000001/releases/rel_01k0example000000003"
                     *           },
                     *           "attempt": 1,
                     *           "createdAt": "2026-01-01T12:00:00.000Z",
                     *           "updatedAt": "2026-01-01T12:00:00.000Z",
                     *           "finishedAt": "2026-01-01T12:00:00.000Z"
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["Intent"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAudit: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Records from this time on */
                from?: string;
                /** @description Records before this time */
                to?: string;
                /** @description Only what this one did, such as `user:{subject}` */
                actor?: string;
                /** @description Only what was done to the thing with this id */
                object?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example ws_01k0example000000001
                 */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "aud_01k0example000000002",
                     *           "at": "2026-01-01T12:00:00.000Z",
                     *           "actor": "system",
                     *           "operation": "intent.succeeded",
                     *           "object": {
                     *             "type": "release",
                     *             "id": "rel_01k0example000000003"
                     *           },
                     *           "intent": "int_01k0example000000004",
                     *           "changes": [
                     *             {
                     *               "type": "intent",
                     *               "id": "int_01k0example000000004",
                     *               "name": "release.delete",
                     *               "after": {
                     *                 "status": "succeeded"
                     *               }
                     *             }
                     *           ]
                     *         }
                     *       ],
                     *       "nextCursor": "eyJhZnRlciI6ImV4YW1wbGUifQ"
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["AuditRecord"][];
                        /** @description Absent on the last page */
                        nextCursor?: string;
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportAudit: {
        parameters: {
            query?: {
                /** @description Records from this time on */
                from?: string;
                /** @description Records before this time */
                to?: string;
                /** @description Only what this one did, such as `user:{subject}` */
                actor?: string;
                /** @description Only what was done to the thing with this id */
                object?: string;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description Id or name */
                workspace: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description The next page, as `rel="next"` */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description `invalid-request`: The request is not valid. `invalid-cursor`: The cursor is not one of this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id or name
                 * @example int_01k0example000000001
                 */
                intent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "int_01k0example000000001",
                     *       "kind": "release.delete",
                     *       "status": "succeeded",
                     *       "workspaceId": "ws_01k0example000000002",
                     *       "subject": {
                     *         "type": "release",
                     *         "id": "rel_01k0example000000003",
                     *         "name": "app 1.0.0 (beta)",
                     *         "href": "/v1/workspaces/ws_01k0example000000002/releases/rel_01k0example000000003"
                     *       },
                     *       "attempt": 1,
                     *       "createdAt": "2026-01-01T12:00:00.000Z",
                     *       "updatedAt": "2026-01-01T12:00:00.000Z",
                     *       "finishedAt": "2026-01-01T12:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Intent"];
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid bearer token is needed */
            401: {
                headers: {
                    /** @description How to authenticate */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "application/json": {
                        message: string;
                    };
                };
            };
            /** @description `forbidden`: The caller's role does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listEventTypes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "type": "slipway.intent.accepted",
                     *           "version": 1,
                     *           "description": "An intent was accepted",
                     *           "schema": "/v1/event-schemas/slipway.intent.accepted/1"
                     *         },
                     *         {
                     *           "type": "slipway.intent.started",
                     *           "version": 1,
                     *           "description": "An intent's workflow has started",
                     *           "schema": "/v1/event-schemas/slipway.intent.started/1"
                     *         },
                     *         {
                     *           "type": "slipway.intent.succeeded",
                     *           "version": 1,
                     *           "description": "An intent has succeeded",
                     *           "schema": "/v1/event-schemas/slipway.intent.succeeded/1"
                     *         },
                     *         {
                     *           "type": "slipway.intent.failed",
                     *           "version": 1,
                     *           "description": "An intent has failed; `problem` tells why",
                     *           "schema": "/v1/event-schemas/slipway.intent.failed/1"
                     *         },
                     *         {
                     *           "type": "slipway.intent.granted",
                     *           "version": 1,
                     *           "description": "An event has asked for an intent, which was accepted: `intentId`",
                     *           "schema": "/v1/event-schemas/slipway.intent.granted/1"
                     *         },
                     *         {
                     *           "type": "slipway.intent.refused",
                     *           "version": 1,
                     *           "description": "An event has asked for an intent, and there is none; `problem` tells why",
                     *           "schema": "/v1/event-schemas/slipway.intent.refused/1"
                     *         },
                     *         {
                     *           "type": "slipway.workspace.created",
                     *           "version": 1,
                     *           "description": "A workspace can be used",
                     *           "schema": "/v1/event-schemas/slipway.workspace.created/1"
                     *         },
                     *         {
                     *           "type": "slipway.workspace.changed",
                     *           "version": 1,
                     *           "description": "A workspace's description or settings were changed",
                     *           "schema": "/v1/event-schemas/slipway.workspace.changed/1"
                     *         },
                     *         {
                     *           "type": "slipway.workspace.failed",
                     *           "version": 1,
                     *           "description": "A workspace could not be created or deleted",
                     *           "schema": "/v1/event-schemas/slipway.workspace.failed/1"
                     *         },
                     *         {
                     *           "type": "slipway.workspace.deleted",
                     *           "version": 1,
                     *           "description": "A workspace is gone",
                     *           "schema": "/v1/event-schemas/slipway.workspace.deleted/1"
                     *         },
                     *         {
                     *           "type": "slipway.node.registered",
                     *           "version": 1,
                     *           "description": "A node's device has connected with a certificate for the first time",
                     *           "schema": "/v1/event-schemas/slipway.node.registered/1"
                     *         },
                     *         {
                     *           "type": "slipway.node.connected",
                     *           "version": 1,
                     *           "description": "A node's device is connected",
                     *           "schema": "/v1/event-schemas/slipway.node.connected/1"
                     *         },
                     *         {
                     *           "type": "slipway.node.offline",
                     *           "version": 1,
                     *           "description": "A node's device is connected no more",
                     *           "schema": "/v1/event-schemas/slipway.node.offline/1"
                     *         },
                     *         {
                     *           "type": "slipway.component-version.published",
                     *           "version": 1,
                     *           "description": "A component version can be deployed",
                     *           "schema": "/v1/event-schemas/slipway.component-version.published/1"
                     *         },
                     *         {
                     *           "type": "slipway.component-version.failed",
                     *           "version": 1,
                     *           "description": "A component version could not be published or deleted",
                     *           "schema": "/v1/event-schemas/slipway.component-version.failed/1"
                     *         },
                     *         {
                     *           "type": "slipway.component-version.deprecated",
                     *           "version": 1,
                     *           "description": "A component version is to be used no more, or is again",
                     *           "schema": "/v1/event-schemas/slipway.component-version.deprecated/1"
                     *         },
                     *         {
                     *           "type": "slipway.component-version.deleted",
                     *           "version": 1,
                     *           "description": "A component version is gone",
                     *           "schema": "/v1/event-schemas/slipway.component-version.deleted/1"
                     *         },
                     *         {
                     *           "type": "slipway.deployment.revised",
                     *           "version": 1,
                     *           "description": "A deployment has another revision",
                     *           "schema": "/v1/event-schemas/slipway.deployment.revised/1"
                     *         },
                     *         {
                     *           "type": "slipway.deployment.succeeded",
                     *           "version": 1,
                     *           "description": "A node's device runs what was delivered to it",
                     *           "schema": "/v1/event-schemas/slipway.deployment.succeeded/1"
                     *         },
                     *         {
                     *           "type": "slipway.deployment.failed",
                     *           "version": 1,
                     *           "description": "A node's device could not do what was delivered to it; `error` tells why",
                     *           "schema": "/v1/event-schemas/slipway.deployment.failed/1"
                     *         },
                     *         {
                     *           "type": "slipway.drift.found",
                     *           "version": 1,
                     *           "description": "Something was changed behind Slipway's back, or otherwise than was known",
                     *           "schema": "/v1/event-schemas/slipway.drift.found/1"
                     *         },
                     *         {
                     *           "type": "slipway.drift.cleared",
                     *           "version": 1,
                     *           "description": "What was changed behind Slipway's back is so no more",
                     *           "schema": "/v1/event-schemas/slipway.drift.cleared/1"
                     *         },
                     *         {
                     *           "type": "slipway.release.published",
                     *           "version": 1,
                     *           "description": "Anonymous devices may get a release",
                     *           "schema": "/v1/event-schemas/slipway.release.published/1"
                     *         },
                     *         {
                     *           "type": "slipway.release.changed",
                     *           "version": 1,
                     *           "description": "A published release's terms or availability were changed",
                     *           "schema": "/v1/event-schemas/slipway.release.changed/1"
                     *         },
                     *         {
                     *           "type": "slipway.release.failed",
                     *           "version": 1,
                     *           "description": "A release could not be published or deleted",
                     *           "schema": "/v1/event-schemas/slipway.release.failed/1"
                     *         },
                     *         {
                     *           "type": "slipway.release.deleted",
                     *           "version": 1,
                     *           "description": "A release is gone",
                     *           "schema": "/v1/event-schemas/slipway.release.deleted/1"
                     *         },
                     *         {
                     *           "type": "slipway.webhook.disabled",
                     *           "version": 1,
                     *           "description": "Nothing is sent to a webhook any more, since it failed for too long or was answered 410",
                     *           "schema": "/v1/event-schemas/slipway.webhook.disabled/1"
                     *         },
                     *         {
                     *           "type": "slipway.webhook.test",
                     *           "version": 1,
                     *           "description": "Somebody tries whether a webhook works; sent to that one alone",
                     *           "schema": "/v1/event-schemas/slipway.webhook.test/1"
                     *         },
                     *         {
                     *           "type": "slipway.push.succeeded",
                     *           "version": 1,
                     *           "description": "A push has made its version",
                     *           "schema": "/v1/event-schemas/slipway.push.succeeded/1"
                     *         },
                     *         {
                     *           "type": "slipway.push.failed",
                     *           "version": 1,
                     *           "description": "A push has failed; `problem` tells why",
                     *           "schema": "/v1/event-schemas/slipway.push.failed/1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        items: components["schemas"]["EventType"][];
                    };
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getEventSchema: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                type: string;
                /** @description Id or name */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found`: There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOpenapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getDocs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description What the page may do */
                    "Content-Security-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description `invalid-request`: The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `throttled`: Too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Something went wrong on our side */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unavailable`: A service that this needs does not answer */
            503: {
                headers: {
                    /** @description Seconds to wait */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    slipwayIntentAcceptedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.intent.accepted";
                    data: components["schemas"]["IntentEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayIntentStartedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.intent.started";
                    data: components["schemas"]["IntentEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayIntentSucceededEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.intent.succeeded";
                    data: components["schemas"]["IntentEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayIntentFailedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.intent.failed";
                    data: components["schemas"]["IntentEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayIntentGrantedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.intent.granted";
                    data: components["schemas"]["IntentRequestEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayIntentRefusedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.intent.refused";
                    data: components["schemas"]["IntentRequestEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayWorkspaceCreatedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.workspace.created";
                    data: components["schemas"]["Workspace"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayWorkspaceChangedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.workspace.changed";
                    data: components["schemas"]["Workspace"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayWorkspaceFailedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.workspace.failed";
                    data: components["schemas"]["Workspace"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayWorkspaceDeletedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.workspace.deleted";
                    data: components["schemas"]["Workspace"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayNodeRegisteredEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.node.registered";
                    data: components["schemas"]["Node"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayNodeConnectedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.node.connected";
                    data: components["schemas"]["Node"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayNodeOfflineEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.node.offline";
                    data: components["schemas"]["Node"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayComponentVersionPublishedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.component-version.published";
                    data: components["schemas"]["ComponentVersionEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayComponentVersionFailedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.component-version.failed";
                    data: components["schemas"]["ComponentVersionEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayComponentVersionDeprecatedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.component-version.deprecated";
                    data: components["schemas"]["ComponentVersionEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayComponentVersionDeletedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.component-version.deleted";
                    data: components["schemas"]["ComponentVersionEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayDeploymentRevisedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.deployment.revised";
                    data: components["schemas"]["DeploymentEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayDeploymentSucceededEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.deployment.succeeded";
                    data: components["schemas"]["NodeDeploymentEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayDeploymentFailedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.deployment.failed";
                    data: components["schemas"]["NodeDeploymentEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayDriftFoundEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.drift.found";
                    data: components["schemas"]["DriftEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayDriftClearedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.drift.cleared";
                    data: components["schemas"]["DriftEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayReleasePublishedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.release.published";
                    data: components["schemas"]["ReleaseEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayReleaseChangedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.release.changed";
                    data: components["schemas"]["ReleaseEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayReleaseFailedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.release.failed";
                    data: components["schemas"]["ReleaseEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayReleaseDeletedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.release.deleted";
                    data: components["schemas"]["ReleaseEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayWebhookDisabledEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.webhook.disabled";
                    data: components["schemas"]["WebhookEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayWebhookTestEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.webhook.test";
                    data: components["schemas"]["WebhookTestEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayPushSucceededEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.push.succeeded";
                    data: components["schemas"]["PushEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    slipwayPushFailedEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event, the same each time that it is sent */
                "webhook-id": string;
                /** @description Seconds since 1970 of this try */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @constant */
                    specversion: "1.0";
                    /** @description The same each time that an event is told */
                    id: string;
                    /** @description The stage and the workspace: `/slipway/{stage}/workspaces/{id}` */
                    source: string;
                    /** @description Id of the object that the event is about */
                    subject: string;
                    /** Format: date-time */
                    time: string;
                    /** @constant */
                    datacontenttype: "application/json";
                    /** @description URI of the JSON Schema of an event of this type and version */
                    dataschema: string;
                    /** @description Absent where no workspace is known */
                    workspaceid?: string;
                    /** @description Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the later has the higher */
                    sequence: string;
                    /** @constant */
                    type: "slipway.push.failed";
                    data: components["schemas"]["PushEvent"];
                };
            };
        };
        responses: {
            /** @description Taken; anything else is tried again, and 410 ends it */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
